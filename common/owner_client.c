#include "owner_client.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "client_link.h"

struct owner_client {
    struct client_link *link;
};

int owner_client_new(const char *endpoint, struct owner_client **ret, struct err *err)
{
    struct client_link *link;
    int rc = client_link_new(endpoint, &link, err);
    if (rc < 0)
        return rc;
    *ret = xmalloc(sizeof **ret);
    (*ret)->link = link;
    return 0;
}

void owner_client_free(struct owner_client *client)
{
    if (client == NULL)
        return;
    client_link_free(client->link);
    free(client);
}

void owner_client_freep(struct owner_client **client_p)
{
    owner_client_free(*client_p);
    *client_p = NULL;
}

int owner_client_ask(struct owner_client *client, Zsaga__OwnerRequest *request, int64_t timeout_ms,
                     const Zsaga__OwnerAnswer **ret, struct err *err)
{
    return client_link_ask_owner(client->link, request, timeout_ms, ret, err);
}

const char *owner_client_why_ignored(const struct owner_client *client)
{
    return client_link_why_ignored(client->link);
}
