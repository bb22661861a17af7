/* What a start does that has been overtaken: it remembers by whom, and ends. */
#include <inttypes.h>

#include "orchestrator_internal.h"

int fenced_save(struct orchestrator *self, struct err *err)
{
    struct journal_self *own = &self->self;
    if (self->fenced.epoch > own->epoch)
        own->epoch = self->fenced.epoch;
    own->old_copy = self->fenced.old_copy && !self->adopt;
    own->last_saga = self->last_saga;
    if (self->fenced.old_copy && self->adopt &&
        id_compare(&self->fenced.last_saga, &own->last_saga) > 0)
        own->last_saga = self->fenced.last_saga;
    return journal_save_self(self->journal, own, err);
}

int fenced_error(struct orchestrator *self, struct err *err)
{
    const struct fenced *fenced = &self->fenced;
    if (self->adopt && !self->was_ready)
        return err_set(err, ERR_SYSTEM, "adopting: starting again above epoch %" PRIu64,
                       self->self.epoch);
    if (fenced->old_copy)
        return err_set(err, ERR_FENCED,
                       "%s has seen sagas that this database does not know: it is an older copy."
                       " If it is the one to go on with, start `zsaga up --adopt`",
                       fenced->by);
    bool newer = id_compare(&fenced->last_saga, &self->last_saga) > 0;
    return err_set(err, ERR_FENCED,
                   "another start of this orchestrator has taken over (%s holds epoch %" PRIu64
                   ")%s",
                   fenced->by, fenced->epoch,
                   newer ? " and has sagas that this database does not know: is it an older copy?"
                           " If it is the one to go on with, start `zsaga up --adopt`"
                         : "");
}
