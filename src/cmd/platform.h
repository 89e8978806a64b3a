/* platform: the command line, one program for operators, authors and miners.
 *
 * Layer: L6.  Each command is a function of its own file; argv[0] is the
 * command's name.  Exit codes: 0 done; 1 failed; 2 the command line is wrong;
 * 3 a check failed; 4 not ready yet; 5 refused; 6 a proof does not verify;
 * 7 the other end cannot be reached. */
#ifndef CMD_PLATFORM_H
#define CMD_PLATFORM_H

#include "cmd/complain.h"

int cmd_key(int argc, char **argv);           /* make and show hotkeys */
int cmd_genesis(int argc, char **argv);       /* a genesis file from a chain */
int cmd_devchain(int argc, char **argv);      /* src/cmd/devchain.c */
int cmd_devnet(int argc, char **argv);        /* src/cmd/devnet.c */
int cmd_challenge_any(int argc, char **argv); /* src/cmd/cmd_challenge.c, and challenge.c */

/* What a node is asked for over its JSON-RPC (client.h). */
int cmd_submit(int argc, char **argv);
int cmd_submission(int argc, char **argv);
int cmd_blob(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_validators(int argc, char **argv);
int cmd_leaderboard(int argc, char **argv);
int cmd_weights(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_audit(int argc, char **argv);

#endif
