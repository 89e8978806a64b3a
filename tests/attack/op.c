/* Prints a signed operation in hexadecimal, right or wrong as its arguments are;
 * for a registration also the challenge's id.
 * usage: attack_op NETWORK EPOCH NONCE KEY_FILE KIND ARGUMENT...
 *   register NAME MODULE MODULE_SIZE | approve CHALLENGE
 *   activate CHALLENGE HEIGHT        | submission CHALLENGE BLOB SIZE */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "codec/hex.h"
#include "ledger/ledger.h"
#include "os/files.h"
#include "registry/registry.h"
#include "signer/keyfile.h"

enum { ROOM = 1 << 17 };

static struct hash hash_arg(const char *text)
{
    struct hash h = {0};
    if (hex_decode(span_of(text, strlen(text)), (struct room){h.bytes, HASH_SIZE}) != ERR_OK) {
        fprintf(stderr, "not a hash: %s\n", text);
        exit(2);
    }
    return h;
}

static void print_hex(struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", bytes.ptr[i]);
    putchar('\n');
}

static struct sr25519_keypair *read_key(const char *path)
{
    struct span bytes;
    struct sr25519_keypair *key = NULL;
    if (file_read(path, KEYFILE_SIZE_MAX, &bytes) != ERR_OK ||
        keyfile_parse(bytes, (struct span){0}, &key) != ERR_OK) {
        fprintf(stderr, "no key: %s\n", path);
        exit(2);
    }
    free((void *)(uintptr_t)bytes.ptr);
    return key;
}

static const struct policy policy = {.gas = 1000000,
                                     .wall_ms = 5000,
                                     .memory_pages = 16,
                                     .table_elements = 16,
                                     .stack_bytes = 65536,
                                     .host_calls = 100,
                                     .host_bytes = 65536,
                                     .input_bytes = 1024,
                                     .output_bytes = 4096,
                                     .log_bytes = 4096,
                                     .host_functions = POLICY_HOST_LOG,
                                     .join = POLICY_JOIN_DETERMINISTIC,
                                     .reveal_after = 8};

static bool make_body(int argc, char **argv, struct op_body *out)
{
    const char *kind = argv[0];
    if (strcmp(kind, "register") == 0 && argc == 4) {
        out->tag = OP_BODY_CHALLENGE_REGISTER;
        out->challenge_register =
            (struct op_challenge_register){.name = span_of(argv[1], strlen(argv[1])),
                                           .version = SPAN_LITERAL("1.0.0"),
                                           .module = hash_arg(argv[2]),
                                           .module_size = (uint32_t)strtoul(argv[3], NULL, 10),
                                           .policy = policy,
                                           .share = 100};
    } else if (strcmp(kind, "approve") == 0 && argc == 2) {
        out->tag = OP_BODY_CHALLENGE_APPROVE;
        out->challenge_approve.challenge = hash_arg(argv[1]);
    } else if (strcmp(kind, "activate") == 0 && argc == 3) {
        out->tag = OP_BODY_CHALLENGE_ACTIVATE;
        out->challenge_activate.challenge = hash_arg(argv[1]);
        out->challenge_activate.height = strtoull(argv[2], NULL, 10);
    } else if (strcmp(kind, "submission") == 0 && argc == 4) {
        out->tag = OP_BODY_SUBMISSION;
        out->submission = (struct op_submission){hash_arg(argv[1]), hash_arg(argv[2]),
                                                 (uint32_t)strtoul(argv[3], NULL, 10)};
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static uint8_t memory[ROOM], work[ROOM];
    struct room room = {memory, sizeof memory};
    struct op op = {0};
    struct op_content *c = &op.content;
    if (argc < 6 || !make_body(argc - 5, argv + 5, &c->body)) {
        fprintf(stderr, "usage: attack_op NETWORK EPOCH NONCE KEY_FILE KIND ARGUMENT...\n");
        return 2;
    }
    struct sr25519_keypair *key = read_key(argv[4]);
    c->network = hash_arg(argv[1]);
    c->epoch = strtoull(argv[2], NULL, 10);
    c->nonce = strtoull(argv[3], NULL, 10);
    c->signer = *sr25519_public(key);
    struct span message;
    uint8_t entropy[SR25519_ENTROPY_SIZE] = {0};
    op_signing_bytes(c, room, &message);
    sr25519_sign(key, message, entropy, &op.signature);
    print_hex(op_encode(&op, room));
    if (c->body.tag == OP_BODY_CHALLENGE_REGISTER) {
        struct arena arena;
        arena_init(&arena, (struct room){work, sizeof work});
        struct hash id = registry_challenge_id(&c->body.challenge_register, &arena);
        print_hex(hash_span(&id));
    }
    sr25519_close(key);
    return 0;
}
