/* book: a client. Submits one booking and waits for its end:  book KEY "GUEST SEATS CENTS" */
#include <stdio.h>
#include <zsaga/client.h>

#define SUBMIT_MS 10000
#define WAIT_MS 60000

/* The same key and text again is the same booking: run it as often as you are not sure. */
static int book(struct client *client, const char *key, const char *text,
                struct client_outcome *ret, struct err *err)
{
    struct client_saga saga = {.definition = "booking", .key = key, .input = bytes_text(text)};
    int rc = client_submit(client, &saga, SUBMIT_MS, ret, err);
    if (rc == 0 && ret->verdict == CLIENT_CONFLICT)
        return err_set(err, ERR_INVALID, "%s is another booking: choose a new key", key);
    return rc < 0 ? rc : client_wait(client, key, WAIT_MS, ret, err);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: book KEY \"GUEST SEATS CENTS\"\n");
        return 2;
    }
    struct err err = {0};
    struct client *client = NULL;
    struct client_outcome outcome;
    int rc = client_open(NULL, &client, &err); /* The suite in $ZSAGA_DATA. */
    if (rc == 0)
        rc = book(client, argv[1], argv[2], &outcome, &err);
    client_free(client);
    if (rc != 0) {
        (void)fprintf(stderr, "book: %s\n", err.text);
        return 1;
    }
    (void)printf("%s %s%s%s\n", argv[1], client_state_name(outcome.state),
                 outcome.reason[0] == '\0' ? "" : ": ", outcome.reason);
    return outcome.state == CLIENT_COMPLETED ? 0 : 1;
}
