#include "signer/keyfile.h"

#include <sodium.h>

#include "crypto/secret.h"

/* The salt that every wallet of this format uses. */
static const uint8_t nacl_salt[crypto_pwhash_argon2i_SALTBYTES] = {
    0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1};

static bool begins(struct span s, const char *with)
{
    size_t len = strlen(with);
    return s.len >= len && memcmp(s.ptr, with, len) == 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = span_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The text value of a top-level key.  The values that we read hold no escapes;
 * one that does is refused.  A parser from a library would leave copies of the
 * secret in ordinary memory. */
static bool json_text(struct span json, const char *key, struct span *out)
{
    size_t len = strlen(key);
    for (size_t i = 0; i + len <= json.len; i++) {
        if (memcmp(json.ptr + i, key, len) != 0)
            continue;
        struct span rest = trimmed(span_of(json.ptr + i + len, json.len - i - len));
        if (!begins(rest, ":"))
            continue;
        rest = trimmed(span_of(rest.ptr + 1, rest.len - 1));
        if (!begins(rest, "\""))
            return false; /* null, or not a text. */
        size_t end = 1;
        while (end < rest.len && rest.ptr[end] != '"' && rest.ptr[end] != '\\')
            end++;
        if (end == rest.len || rest.ptr[end] == '\\' || end == 1)
            return false;
        *out = span_of(rest.ptr + 1, end - 1);
        return true;
    }
    return false;
}

static enum err parse_json(struct span json, struct sr25519_keypair **out)
{
    struct span text;
    if (json_text(json, "\"secretSeed\"", &text))
        return sr25519_from_uri(text, out);
    if (json_text(json, "\"secretPhrase\"", &text))
        return sr25519_from_phrase(text, (struct span){0}, out);
    return ERR_MALFORMED;
}

static enum err parse_nacl(struct span bytes, struct span password, struct sr25519_keypair **out)
{
    enum { HEAD = 5, NONCE = crypto_secretbox_NONCEBYTES, MAC = crypto_secretbox_MACBYTES };
    if (bytes.len <= HEAD + NONCE + MAC)
        return ERR_MALFORMED;
    if (password.len == 0)
        return ERR_DENIED;
    struct secret *key = NULL, *plain = NULL;
    size_t size = bytes.len - HEAD - NONCE - MAC;
    enum err e = secret_open(crypto_secretbox_KEYBYTES, &key);
    if (e == ERR_OK)
        e = secret_open(size, &plain);
    if (e == ERR_OK && crypto_pwhash_argon2i(secret_room(key).ptr, crypto_secretbox_KEYBYTES,
                                             (const char *)password.ptr, password.len, nacl_salt,
                                             crypto_pwhash_argon2i_OPSLIMIT_SENSITIVE,
                                             crypto_pwhash_argon2i_MEMLIMIT_SENSITIVE,
                                             crypto_pwhash_argon2i_ALG_ARGON2I13) != 0)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK &&
        crypto_secretbox_open_easy(secret_room(plain).ptr, bytes.ptr + HEAD + NONCE, size + MAC,
                                   bytes.ptr + HEAD, secret_room(key).ptr) != 0)
        e = ERR_DENIED;
    if (e == ERR_OK)
        e = parse_json(secret_span(plain), out);
    secret_close(key);
    secret_close(plain);
    return e;
}

enum err keyfile_parse(struct span bytes, struct span password, struct sr25519_keypair **out)
{
    if (bytes.len > KEYFILE_SIZE_MAX)
        return ERR_TOO_BIG;
    if (begins(bytes, "$NACL"))
        return parse_nacl(bytes, password, out);
    if (begins(bytes, "$ANSIBLE_VAULT") || begins(bytes, "gAAAAA"))
        return ERR_UNSUPPORTED;
    struct span text = trimmed(bytes);
    if (begins(text, "{"))
        return parse_json(text, out);
    return text.len == 0 ? ERR_MALFORMED : sr25519_from_uri(text, out);
}
