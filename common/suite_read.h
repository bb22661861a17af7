/* Reading the suite file: each section and its lines, checked. */
#ifndef ZSAGA_SUITE_READ_H
#define ZSAGA_SUITE_READ_H

#include "suite.h"

/* The longest path of a socket, in bytes. */
#define SUITE_SOCKET_PATH_MAX 107

/* From suite->config, which was loaded. ERR_INVALID with file, line and key; what was read until
 * then is the suite's to free. */
int suite_read(struct suite *suite, struct err *err);

#endif
