/* Asks the observer for its view, over one connection, without ever waiting. */
#ifndef ZSAGA_OBSERVER_ASKER_H
#define ZSAGA_OBSERVER_ASKER_H

#include <stdint.h>

#include "base/err.h"
#include "view.pb-c.h"

struct asker;

int asker_new(const char *endpoint, struct asker **ret, struct err *err);
void asker_free(struct asker *asker);
void asker_freep(struct asker **asker_p);

void *asker_socket(const struct asker *asker); /* To poll for input; another one once renewed. */

/* Asks for so many rows of each kind; what cannot be sent now is dropped. */
int asker_ask(struct asker *asker, uint32_t rows, struct err *err);
/* An answer to a newer question than the one before, or NULL: none came. Valid until the next call.
 */
int asker_take(struct asker *asker, const Zsaga__ViewReport **ret, struct err *err);
/* A connection made anew: for an observer that went silent. */
int asker_renew(struct asker *asker, struct err *err);

#endif
