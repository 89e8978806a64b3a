/* platform key: make a hotkey file, or show the address of one.  A secret is
 * read from a file or from standard input, never from the command line. */
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/client.h"
#include "codec/hex.h"
#include "crypto/secret.h"
#include "crypto/ss58.h"
#include "os/files.h"
#include "signer/keyfile.h"

static const char usage[] =
    "usage: platform key new FILE    make a new hotkey, readable by you only\n"
    "       platform key show FILE   print its SS58 address ('-': standard input)\n"
    "\n"
    "FILE holds a Bittensor hotkey (JSON), 0x and a seed, or a phrase.  For an\n"
    "encrypted one the password is taken from PLATFORM_KEY_PASSWORD.\n";

static int make(const char *path)
{
    uint8_t seed[SR25519_SEED_SIZE];
    char text[2 + 2 * SR25519_SEED_SIZE + 2] = "0x";
    if (access(path, F_OK) == 0)
        return cmd_complain(EXIT_REFUSED, "the file exists", path, "a key is never overwritten",
                            "choose another name");
    randombytes_buf(seed, sizeof seed);
    sodium_bin2hex(text + 2, sizeof text - 2, seed, sizeof seed);
    text[sizeof text - 2] = '\n';
    enum err e = file_write(path, span_of(text, sizeof text - 1), 0600);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    if (e != ERR_OK)
        return cmd_complain(EXIT_FAILED, "the key cannot be written", path, strerror(errno), NULL);
    return EXIT_DONE;
}

static int show(const char *path)
{
    struct sr25519_keypair *key = NULL;
    int code;
    if (!client_read_key(path, &key, &code))
        return code;
    char text[SS58_TEXT_MAX];
    ss58_from_hotkey(sr25519_public(key), text);
    if (cmd_json()) {
        char hex[2 * HOTKEY_SIZE + 1];
        hex_encode(hotkey_span(sr25519_public(key)), hex, sizeof hex);
        json_t *o = json_pack("{s:s, s:s, s:s}", "file", path, "address", text, "public_key", hex);
        json_dumpf(o, stdout, JSON_COMPACT);
        json_decref(o);
        putchar('\n');
    } else {
        printf("%s\n", text);
    }
    sr25519_close(key);
    return EXIT_DONE;
}

int cmd_key(int argc, char **argv)
{
    const char *words[2] = {NULL, NULL};
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return cmd_help(usage);
        if (strcmp(argv[i], "--json") == 0)
            continue;
        if (count == COUNT_OF(words) || (argv[i][0] == '-' && argv[i][1] != '\0'))
            return cmd_complain(EXIT_USAGE, "what is this?", argv[i], NULL,
                                "platform key new|show FILE; a secret never stands here");
        words[count++] = argv[i];
    }
    if (count == 2 && strcmp(words[0], "new") == 0) {
        int code = make(words[1]);
        return code == EXIT_DONE ? show(words[1]) : code;
    }
    if (count == 2 && strcmp(words[0], "show") == 0)
        return show(words[1]);
    return cmd_usage(usage);
}
