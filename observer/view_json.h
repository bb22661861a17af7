/* A report as the JSON document of `zsaga top --json`: docs/observer.md tells its fields. */
#ifndef ZSAGA_OBSERVER_VIEW_JSON_H
#define ZSAGA_OBSERVER_VIEW_JSON_H

#include <jansson.h>

#include "view.h"

/* The caller frees it. */
json_t *view_json(const Zsaga__ViewReport *report, const struct view_state *state);

#endif
