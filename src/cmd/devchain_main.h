/* devchain_main: `platform devchain`.
 *
 * cmd_devchain runs until SIGINT or SIGTERM.  Once it serves it prints one line,
 * "devchain ready url=... genesis=... netuid=... block=...".  Exit status: 0;
 * 1: the world refused; 2: the command line. */
#ifndef CMD_DEVCHAIN_MAIN_H
#define CMD_DEVCHAIN_MAIN_H

int cmd_devchain(int argc, char **argv);

#endif
