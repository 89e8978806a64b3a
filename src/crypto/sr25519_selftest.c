#include "crypto/sr25519.h"

/* Made by another implementation (polkadot-js) with a key of its own. */
static const struct hotkey known_key = {{0x08, 0xa7, 0x0f, 0x71, 0xbe, 0x99, 0x64, 0xf0,
                                         0x59, 0x26, 0x32, 0x3d, 0x26, 0xc6, 0x66, 0xa0,
                                         0x92, 0x73, 0x99, 0x9b, 0x63, 0x24, 0x97, 0xb2,
                                         0xa1, 0x44, 0x7c, 0x12, 0x66, 0x74, 0x14, 0x50}};
static const struct signature known_signature = {
    {0x9c, 0x31, 0x7d, 0xfb, 0x2f, 0x06, 0x5c, 0x7c, 0xec, 0x6a, 0xeb, 0x3b, 0x65,
     0x2a, 0xcf, 0x10, 0x1b, 0x38, 0x18, 0xd0, 0x47, 0xee, 0xd1, 0x56, 0x57, 0xf7,
     0x4d, 0x46, 0x0c, 0x7f, 0x95, 0x07, 0x2a, 0x13, 0x62, 0x50, 0x68, 0x9c, 0x16,
     0x4e, 0xcd, 0x06, 0xab, 0x1d, 0x9d, 0x8a, 0xfc, 0xfb, 0x5d, 0xee, 0x06, 0xab,
     0xac, 0xbc, 0x94, 0x38, 0x41, 0x69, 0x6a, 0xac, 0xea, 0x5e, 0x35, 0x8e}};
static const struct hotkey alice = {{0xd4, 0x35, 0x93, 0xc7, 0x15, 0xfd, 0xd3, 0x1c,
                                     0x61, 0x14, 0x1a, 0xbd, 0x04, 0xa9, 0x9f, 0xd6,
                                     0x82, 0x2c, 0x85, 0x58, 0x85, 0x4c, 0xcd, 0xe3,
                                     0x9a, 0x56, 0x84, 0xe7, 0xa5, 0x6d, 0xa2, 0x7d}};

/* Whether every path says wanted. */
static bool all_say(bool wanted, const struct hotkey *key, struct span message,
                    const struct signature *s)
{
    return sr25519_verify(key, message, s) == wanted &&
           sr25519_verify_sodium(key, message, s) == wanted;
}

static bool verifies(void)
{
    struct span message = SPAN_LITERAL("bittensor-c-test");
    struct hotkey twin = known_key, zero = {{0}};
    struct signature unmarked = known_signature, changed = known_signature;
    twin.bytes[31] |= 0x80;
    unmarked.bytes[63] &= 0x7f;
    changed.bytes[0] ^= 2;
    return all_say(true, &known_key, message, &known_signature) &&
           all_say(false, &known_key, SPAN_LITERAL("bittensor-c-Test"), &known_signature) &&
           all_say(false, &twin, message, &known_signature) &&
           all_say(false, &zero, message, &known_signature) &&
           all_say(false, &known_key, message, &unmarked) &&
           all_say(false, &known_key, message, &changed);
}

enum err sr25519_self_test(void)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {1};
    struct sr25519_keypair *k;
    struct signature s;
    enum err e = sr25519_from_uri(SPAN_LITERAL("//Alice"), &k);
    if (e != ERR_OK)
        return e == ERR_NO_MEMORY ? e : ERR_UNSUPPORTED;
    bool good = hotkey_equal(sr25519_public(k), &alice);
    sr25519_sign(k, SPAN_LITERAL("self test"), entropy, &s);
    sr25519_close(k);
    good &= all_say(true, &alice, SPAN_LITERAL("self test"), &s);
    return good && verifies() ? ERR_OK : ERR_UNSUPPORTED;
}
