/* `platform challenge` alone, for the build of our own challenges and for
 * tests: the whole CLI is src/cmd/platform.c. */
#include "cmd/challenge.h"

int main(int argc, char **argv)
{
    return cmd_challenge(argc, argv);
}
