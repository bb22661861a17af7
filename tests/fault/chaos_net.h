/* The participants' network: a namespace of their own at the other end of a cable, which can be
 * pulled out. It goes away with the run. */
#ifndef ZSAGA_CHAOS_NET_H
#define ZSAGA_CHAOS_NET_H

#include "chaos.h"

/* False: not permitted here; *ret_words tells why. Then all sockets are files. */
bool chaos_net_make(struct chaos *chaos, const char **ret_words);
void chaos_net_end(struct chaos *chaos);

/* In a new child: from now on in the participants' network. */
bool chaos_net_enter(const struct chaos *chaos);

/* Silently: nothing passes in either direction. */
void chaos_net_pull(struct chaos *chaos, bool pulled);
/* Nothing passes to the participants (`back` false), or from them. */
void chaos_net_block(struct chaos *chaos, bool back, bool blocked);

#endif
