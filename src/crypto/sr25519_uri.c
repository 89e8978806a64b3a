#include "crypto/bip39.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/sr25519.h"
#include "crypto/sr25519_key.h"

/* The development phrase that every Substrate tool knows.  Not a secret. */
static const char development_phrase[] =
    "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

/* What it comes to without a passphrase: development networks derive dozens of
 * keys from it, each some ten milliseconds of PBKDF2 otherwise. */
static const uint8_t development_seed[SR25519_SEED_SIZE] = {
    0xfa, 0xc7, 0x95, 0x9d, 0xbf, 0xe7, 0x2f, 0x05, 0x2e, 0x5a, 0x0c, 0x3c, 0x8d, 0x65, 0x30, 0xf2,
    0x02, 0xb0, 0x2f, 0xd8, 0xf9, 0xf5, 0xca, 0x35, 0x80, 0xec, 0x8d, 0xeb, 0x77, 0x97, 0x47, 0x9e};

struct junction {
    bool hard;
    uint8_t code[32];
};

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

/* Substrate's tools and polkadot-js read these in different ways: a number with
 * a plus sign, hexadecimal after 0x.  (A number over 64 bits too, see below.) */
static bool is_ambiguous(struct span text)
{
    if (text.ptr[0] == '+')
        return text.len > 1 && is_number(span_of(text.ptr + 1, text.len - 1));
    if (text.len < 2 || memcmp(text.ptr, "0x", 2) != 0)
        return false;
    for (size_t i = 2; i < text.len; i++) {
        uint8_t letter = text.ptr[i] | 0x20;
        if (!is_number(span_of(text.ptr + i, 1)) && (letter < 'a' || letter > 'f'))
            return false;
    }
    return true;
}

/* Text as SCALE writes a string: a compact length of one or two bytes, then the
 * bytes; zero-padded, or hashed when that is longer than a code. */
static enum err text_code(struct span text, uint8_t code[32])
{
    uint8_t scale[2 + 256];
    size_t head = text.len < 64 ? 1 : 2;
    if (text.len > 256)
        return ERR_MALFORMED;
    uint32_t compact = (uint32_t)text.len << 2 | (head == 2);
    scale[0] = (uint8_t)compact;
    scale[1] = (uint8_t)(compact >> 8);
    memcpy(scale + head, text.ptr, text.len);
    struct span whole = span_of(scale, head + text.len);
    if (whole.len > 32)
        memcpy(code, hash_blake2b(whole).bytes, 32);
    else
        memcpy(code, whole.ptr, whole.len);
    secret_wipe(scale, sizeof scale);
    return ERR_OK;
}

static enum err number_code(struct span text, uint8_t code[32])
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!mul_ok(number, 10, &number) || !add_ok(number, text.ptr[i] - '0', &number))
            return ERR_MALFORMED;
    for (unsigned i = 0; i < 8; i++)
        code[i] = (uint8_t)(number >> (8 * i));
    return ERR_OK;
}

/* Takes one junction off the front of *path. */
static enum err take_junction(struct span *path, struct junction *out)
{
    struct junction j = {0};
    size_t slashes = 0;
    while (slashes < path->len && path->ptr[slashes] == '/')
        slashes++;
    j.hard = slashes == 2;
    struct span rest = span_of(path->ptr + slashes, path->len - slashes);
    const uint8_t *end = memchr(rest.ptr, '/', rest.len);
    struct span text = span_of(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));
    if (slashes < 1 || slashes > 2 || text.len == 0 || is_ambiguous(text))
        return ERR_MALFORMED;
    enum err e = is_number(text) ? number_code(text, j.code) : text_code(text, j.code);
    if (e != ERR_OK)
        return e;
    *path = span_of(rest.ptr + text.len, rest.len - text.len);
    *out = j;
    return ERR_OK;
}

static enum err take_path(struct span path, struct junction *out, size_t *count)
{
    size_t n = 0;
    while (path.len != 0) {
        if (n == SR25519_PATH_JUNCTIONS_MAX)
            return ERR_MALFORMED;
        enum err e = take_junction(&path, &out[n]);
        if (e != ERR_OK)
            return e;
        n++;
    }
    *count = n;
    return ERR_OK;
}

enum err sr25519_derive(const struct sr25519_keypair *k, struct span path,
                        struct sr25519_keypair **out)
{
    struct junction js[SR25519_PATH_JUNCTIONS_MAX];
    uint8_t whole[SR25519_SECRET_SIZE];
    size_t count;
    struct sr25519_keypair *at;
    enum err e = take_path(path, js, &count);
    if (e != ERR_OK)
        return e;
    sr25519_export_canonical(k, whole);
    e = sr25519_from_canonical(span_of(whole, sizeof whole), &at);
    secret_wipe(whole, sizeof whole);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < count; i++) {
        struct sr25519_keypair *next;
        e = js[i].hard ? sr25519_derive_hard(at, js[i].code, &next)
                       : sr25519_derive_soft(at, js[i].code, &next);
        sr25519_close(at);
        if (e != ERR_OK)
            break;
        at = next;
    }
    secret_wipe(js, sizeof js);
    if (e == ERR_OK)
        *out = at;
    return e;
}

enum err sr25519_derive_public(const struct hotkey *key, struct span path, struct hotkey *out)
{
    struct junction js[SR25519_PATH_JUNCTIONS_MAX];
    size_t count;
    enum err e = take_path(path, js, &count);
    if (e != ERR_OK)
        return e;
    if (!sr25519_key_ok(key))
        return ERR_BAD_KEY;
    struct hotkey at = *key;
    for (size_t i = 0; i < count; i++) {
        if (js[i].hard)
            return ERR_DENIED;
        e = sr25519_derive_soft_public(&at, js[i].code, &at);
        if (e != ERR_OK)
            return e;
    }
    *out = at;
    return ERR_OK;
}

enum err sr25519_from_phrase(struct span phrase, struct span passphrase,
                             struct sr25519_keypair **out)
{
    uint8_t seed[BIP39_SEED_SIZE];
    enum err e = bip39_substrate_seed(phrase, passphrase, seed);
    if (e != ERR_OK)
        return e;
    e = sr25519_from_seed(span_of(seed, SR25519_SEED_SIZE), out);
    secret_wipe(seed, sizeof seed);
    return e;
}

/* uri = root | path | /// | passphrase; has_passphrase tells "" from none. */
struct uri {
    struct span root;
    struct span path;
    struct span passphrase;
    bool has_passphrase;
};

static struct uri uri_split(struct span text)
{
    size_t root = 0;
    while (root < text.len && text.ptr[root] != '/')
        root++;
    struct uri u = {.root = span_of(text.ptr, root),
                    .path = span_of(text.ptr + root, text.len - root)};
    for (size_t i = root; i + 3 <= text.len; i++) {
        if (memcmp(text.ptr + i, "///", 3) == 0) {
            u.path.len = i - root;
            u.passphrase = span_of(text.ptr + i + 3, text.len - i - 3);
            u.has_passphrase = true;
            break;
        }
    }
    return u;
}

static enum err from_root(const struct uri *u, struct sr25519_keypair **out)
{
    /* An empty key file must not turn into a key that everybody knows. */
    if (u->root.len == 0 && u->path.len == 0)
        return ERR_MALFORMED;
    if (u->root.len == 0 && u->passphrase.len == 0)
        return sr25519_from_seed(span_of(development_seed, sizeof development_seed), out);
    if (u->root.len == 0)
        return sr25519_from_phrase(span_of(development_phrase, sizeof development_phrase - 1),
                                   u->passphrase, out);
    if (u->root.len < 2 || memcmp(u->root.ptr, "0x", 2) != 0)
        return sr25519_from_phrase(u->root, u->passphrase, out);
    struct secret *seed;
    if (u->has_passphrase)
        return ERR_MALFORMED;
    enum err e = secret_from_hex(u->root, SR25519_SEED_SIZE, &seed);
    if (e != ERR_OK)
        return e;
    e = sr25519_from_seed(secret_span(seed), out);
    secret_close(seed);
    return e;
}

enum err sr25519_from_uri(struct span text, struct sr25519_keypair **out)
{
    struct uri u = uri_split(text);
    struct sr25519_keypair *root;
    enum err e = from_root(&u, &root);
    if (e != ERR_OK)
        return e;
    e = sr25519_derive(root, u.path, out);
    sr25519_close(root);
    return e;
}
