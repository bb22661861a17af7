#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shipping/shipment_rules.h"

static enum shipment_verdict judge(const struct shipment_rules *rules, const char *country,
                                   int64_t units)
{
    const struct order_input order = {.country = bytes_text(country), .units = units};
    return shipment_rules_judge(rules, &order);
}

/* Reads ZPL settings; on success every line must have been read. */
static int read_rules(struct shipment_rules *rules, const char *settings, struct err *err)
{
    struct config *config = NULL;
    *rules = (struct shipment_rules){0};
    assert_int_equal(config_parse("settings", settings, &config, err), 0);
    int rc = shipment_rules_read(rules, config_root(config), err);
    if (rc == 0)
        rc = config_check_all_used(config, err);
    config_free(config);
    return rc;
}

static void test_read__without_settings__has_the_defaults(void **state)
{
    /* Two places that are none, and 800 units. */
    struct shipment_rules rules = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(shipment_rules_read(&rules, NULL, &err), 0);
    assert_int_equal(judge(&rules, "Unspecified", 1), SHIPMENT_UNDELIVERABLE);
    assert_int_equal(judge(&rules, "European Community", 1), SHIPMENT_UNDELIVERABLE);
    assert_int_equal(judge(&rules, "unspecified", 800), SHIPMENT_POSSIBLE);
    assert_int_equal(judge(&rules, "France", 801), SHIPMENT_OVERSIZE);
    shipment_rules_release(&rules);
}

static void test_judge__of_both_faults__tells_the_place(void **state)
{
    /* Where a shipment cannot go, its size does not matter. */
    struct shipment_rules rules = {0};
    struct err err = {0};
    (void)state;
    assert_int_equal(shipment_rules_read(&rules, NULL, &err), 0);
    assert_int_equal(judge(&rules, "Unspecified", 801), SHIPMENT_UNDELIVERABLE);
    shipment_rules_release(&rules);
}

static void test_read__of_countries__replaces_the_defaults(void **state)
{
    /* The list in the settings is the whole list; the other settings keep their defaults. */
    struct shipment_rules rules;
    struct err err = {0};
    (void)state;
    assert_int_equal(
        read_rules(&rules, "undeliverable = Atlantis\nundeliverable = \"El Dorado\"\n", &err), 0);
    assert_int_equal(judge(&rules, "Atlantis", 1), SHIPMENT_UNDELIVERABLE);
    assert_int_equal(judge(&rules, "El Dorado", 1), SHIPMENT_UNDELIVERABLE);
    assert_int_equal(judge(&rules, "Unspecified", 800), SHIPMENT_POSSIBLE);
    assert_int_equal(judge(&rules, "Unspecified", 801), SHIPMENT_OVERSIZE);
    shipment_rules_release(&rules);
}

static void test_read__of_an_empty_country__means_none(void **state)
{
    /* A single empty line is how to deliver everywhere. */
    struct shipment_rules rules;
    struct err err = {0};
    (void)state;
    assert_int_equal(read_rules(&rules, "undeliverable = \"\"\noversize_units = 5\n", &err), 0);
    assert_int_equal(judge(&rules, "Unspecified", 5), SHIPMENT_POSSIBLE);
    assert_int_equal(judge(&rules, "Unspecified", 6), SHIPMENT_OVERSIZE);
    shipment_rules_release(&rules);
}

static void test_read__of_what_is_no_setting__names_line_and_key(void **state)
{
    /* A misspelt key, a senseless value and a key twice never start a process. */
    static const struct {
        const char *settings;
        const char *words;
    } bad[] = {
        {"oversize_units = 0\n", "settings:1: oversize_units"},
        {"oversize_units = many\n", "settings:1: oversize_units"},
        {"oversize_units = 5\noversize_units = 6\n", "settings:2: oversize_units"},
        {"undelivrable = Atlantis\n", "settings:1: undelivrable"},
        {"undeliverable = "
         "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n",
         "settings:1: undeliverable"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct shipment_rules rules;
        struct err err = {0};
        assert_int_equal(read_rules(&rules, bad[i].settings, &err), ERR_INVALID);
        if (strstr(err.text, bad[i].words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].words);
        shipment_rules_release(&rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__without_settings__has_the_defaults),
        cmocka_unit_test(test_judge__of_both_faults__tells_the_place),
        cmocka_unit_test(test_read__of_countries__replaces_the_defaults),
        cmocka_unit_test(test_read__of_an_empty_country__means_none),
        cmocka_unit_test(test_read__of_what_is_no_setting__names_line_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
