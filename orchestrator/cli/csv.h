/* Moved: csv.c and csv.h are common/base/csv.[ch] now, shared with the services. Include
 * base/csv.h, then delete this file. */
#include "base/csv.h"
