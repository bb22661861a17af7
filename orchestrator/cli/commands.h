/* The commands of the tool, each in a cmd_*.c of its own. */
#ifndef ZSAGA_CLI_COMMANDS_H
#define ZSAGA_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command command_init;
extern const struct cli_command command_up;
extern const struct cli_command command_ps;
extern const struct cli_command command_import;
extern const struct cli_command command_export;
extern const struct cli_command command_submit;
extern const struct cli_command command_list;
extern const struct cli_command command_show;
extern const struct cli_command command_retry;
extern const struct cli_command command_trust;
extern const struct cli_command command_resync;
extern const struct cli_command command_status;
extern const struct cli_command command_audit;
extern const struct cli_command command_top;
extern const struct cli_command command_conformance;
extern const struct cli_command command_demo;

#endif
