#include "shipment_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

static const char *const default_undeliverable[] = {"Unspecified", "European Community"};

static void add_country(struct shipment_rules *rules, const char *country)
{
    rules->undeliverable = xgrow(rules->undeliverable, &rules->undeliverable_capacity,
                                 rules->undeliverable_count + 1, sizeof *rules->undeliverable);
    rules->undeliverable[rules->undeliverable_count++] = xstrdup(country);
}

static void add_defaults(struct shipment_rules *rules)
{
    for (size_t i = 0; i < sizeof default_undeliverable / sizeof default_undeliverable[0]; i++)
        add_country(rules, default_undeliverable[i]);
}

static int read_country(struct shipment_rules *rules, const struct config_node *line,
                        struct err *err)
{
    const char *country = config_value(line);
    if (country[0] == '\0')
        return 0;
    if (!text_is_name(bytes_text(country)))
        return config_refuse(line, err,
                             "a country is at most 64 bytes of UTF-8 without control"
                             " characters");
    if (rules->undeliverable_count == SHIPMENT_RULES_COUNTRIES_MAX)
        return config_refuse(line, err, "more than %d countries", SHIPMENT_RULES_COUNTRIES_MAX);
    add_country(rules, country);
    return 0;
}

static int read_countries(struct shipment_rules *rules, struct config_node *settings,
                          struct err *err)
{
    struct config_node *line = config_each(settings, "undeliverable", NULL);
    if (line == NULL)
        add_defaults(rules);
    int rc = 0;
    for (; rc == 0 && line != NULL; line = config_each(settings, "undeliverable", line))
        rc = read_country(rules, line, err);
    return rc;
}

int shipment_rules_read(struct shipment_rules *rules, struct config_node *settings, struct err *err)
{
    if (settings == NULL) {
        add_defaults(rules);
        rules->oversize_units = SHIPMENT_RULES_OVERSIZE_UNITS;
        return 0;
    }
    int rc = read_countries(rules, settings, err);
    return rc < 0 ? rc
                  : config_int(settings, "oversize_units", SHIPMENT_RULES_OVERSIZE_UNITS, 1,
                               INT64_MAX, &rules->oversize_units, err);
}

void shipment_rules_release(struct shipment_rules *rules)
{
    for (size_t i = 0; i < rules->undeliverable_count; i++)
        free(rules->undeliverable[i]);
    free(rules->undeliverable);
    *rules = (struct shipment_rules){0};
}

enum shipment_verdict shipment_rules_judge(const struct shipment_rules *rules,
                                           const struct order_input *order)
{
    for (size_t i = 0; i < rules->undeliverable_count; i++)
        if (bytes_equal(order->country, bytes_text(rules->undeliverable[i])))
            return SHIPMENT_UNDELIVERABLE;
    return order->units > rules->oversize_units ? SHIPMENT_OVERSIZE : SHIPMENT_POSSIBLE;
}
