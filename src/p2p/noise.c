#include "p2p/noise.h"

#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "crypto/secret.h"

static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
static_assert(sizeof name - 1 == HASH_SIZE); /* so it is the first hash as it is */

static struct span text_of(const uint8_t bytes[32])
{
    return span_of(bytes, 32);
}

static void mix_hash(struct noise *n, struct span data)
{
    uint8_t joined[32 + NOISE_HANDSHAKE_MAX];
    assert(data.len <= NOISE_HANDSHAKE_MAX);
    memcpy(joined, n->hash, 32);
    if (data.len != 0)
        memcpy(joined + 32, data.ptr, data.len);
    struct hash h = hash_sha256(span_of(joined, 32 + data.len));
    memcpy(n->hash, h.bytes, sizeof n->hash);
}

static void mix_key(struct noise *n, const uint8_t material[32])
{
    uint8_t chain[32];
    hmac_hkdf(text_of(n->chain), text_of(material), chain, n->key, NULL);
    memcpy(n->chain, chain, sizeof chain);
    secret_wipe(chain, sizeof chain);
    n->has_key = true;
    n->counter = 0;
}

/* One Diffie-Hellman of the pattern. */
static enum err mix_shared(struct noise *n, const uint8_t secret[32], const uint8_t peer[32])
{
    uint8_t shared[32];
    enum err e = x25519_shared(secret, peer, shared);
    if (e == ERR_OK)
        mix_key(n, shared);
    secret_wipe(shared, sizeof shared);
    return e;
}

void noise_init(struct noise *n, bool initiator, struct span prologue,
                const struct noise_static *own, const uint8_t ephemeral_secret[X25519_SIZE])
{
    *n = (struct noise){.initiator = initiator, .own = own};
    memcpy(n->hash, name, sizeof n->hash);
    memcpy(n->chain, name, sizeof n->chain);
    memcpy(n->ephemeral_secret, ephemeral_secret, X25519_SIZE);
    x25519_public(n->ephemeral_secret, n->ephemeral);
    mix_hash(n, prologue);
}

enum noise_turn noise_turn(const struct noise *n)
{
    if (n->failed)
        return NOISE_FAILED;
    if (n->messages == 3)
        return NOISE_DONE;
    return (n->messages % 2 == 0) == n->initiator ? NOISE_WRITE : NOISE_READ;
}

/* Encrypts text in place with its tag behind it, or passes it before there is a
 * key; *len grows by what was written. */
static void encrypt_and_hash(struct noise *n, struct aead *aead, uint8_t *text, size_t size,
                             size_t *len)
{
    if (n->has_key) {
        uint8_t nonce[AEAD_NONCE_SIZE];
        aead_nonce(n->counter++, nonce);
        aead_rekey(aead, n->key);
        aead_seal(aead, nonce, text_of(n->hash), (struct room){text, size}, text + size);
        size += AEAD_TAG_SIZE;
    }
    mix_hash(n, span_of(text, size));
    *len += size;
}

static enum err decrypt_and_hash(struct noise *n, struct aead *aead, struct room cipher,
                                 struct span *text)
{
    if (!n->has_key) {
        mix_hash(n, span_of(cipher.ptr, cipher.len));
        *text = span_of(cipher.ptr, cipher.len);
        return ERR_OK;
    }
    if (cipher.len < AEAD_TAG_SIZE)
        return ERR_MALFORMED;
    uint8_t before[32], nonce[AEAD_NONCE_SIZE];
    size_t size = cipher.len - AEAD_TAG_SIZE;
    memcpy(before, n->hash, sizeof before);
    mix_hash(n, span_of(cipher.ptr, cipher.len));
    aead_nonce(n->counter++, nonce);
    aead_rekey(aead, n->key);
    *text = span_of(cipher.ptr, size);
    return aead_unseal(aead, nonce, text_of(before), (struct room){cipher.ptr, size},
                       cipher.ptr + size);
}

enum err noise_write(struct noise *n, struct aead *aead, struct span payload, struct room out,
                     size_t *len)
{
    assert(noise_turn(n) == NOISE_WRITE);
    assert(payload.len <= NOISE_HANDSHAKE_MAX - NOISE_HANDSHAKE_COST);
    assert(out.len >= payload.len + NOISE_HANDSHAKE_COST);
    enum err e = ERR_OK;
    size_t at = 0;
    if (n->messages < 2) { /* e */
        memcpy(out.ptr, n->ephemeral, X25519_SIZE);
        at = X25519_SIZE;
        mix_hash(n, text_of(n->ephemeral));
    }
    if (n->messages == 1) /* ee */
        e = mix_shared(n, n->ephemeral_secret, n->peer_ephemeral);
    if (n->messages != 0 && e == ERR_OK) { /* s, then es or se */
        memcpy(out.ptr + at, n->own->public, X25519_SIZE);
        encrypt_and_hash(n, aead, out.ptr + at, X25519_SIZE, &at);
        e = mix_shared(n, n->own->secret, n->peer_ephemeral);
    }
    if (e != ERR_OK) {
        n->failed = true;
        return e;
    }
    if (payload.len != 0)
        memcpy(out.ptr + at, payload.ptr, payload.len);
    encrypt_and_hash(n, aead, out.ptr + at, payload.len, &at);
    n->messages++;
    *len = at;
    return ERR_OK;
}

static enum err read_parts(struct noise *n, struct aead *aead, struct room m, struct span *payload)
{
    enum err e = ERR_OK;
    if (n->messages < 2) {
        if (m.len < X25519_SIZE)
            return ERR_MALFORMED;
        memcpy(n->peer_ephemeral, m.ptr, X25519_SIZE);
        mix_hash(n, text_of(n->peer_ephemeral));
        m = (struct room){m.ptr + X25519_SIZE, m.len - X25519_SIZE};
    }
    if (n->messages == 1)
        e = mix_shared(n, n->ephemeral_secret, n->peer_ephemeral);
    if (n->messages != 0 && e == ERR_OK) {
        size_t size = X25519_SIZE + AEAD_TAG_SIZE;
        struct span peer_static;
        if (m.len < size)
            return ERR_MALFORMED;
        e = decrypt_and_hash(n, aead, (struct room){m.ptr, size}, &peer_static);
        if (e != ERR_OK)
            return e;
        memcpy(n->peer_static, peer_static.ptr, X25519_SIZE);
        m = (struct room){m.ptr + size, m.len - size};
        e = mix_shared(n, n->ephemeral_secret, n->peer_static);
    }
    return e == ERR_OK ? decrypt_and_hash(n, aead, m, payload) : e;
}

enum err noise_read(struct noise *n, struct aead *aead, struct room message, struct span *payload)
{
    assert(noise_turn(n) == NOISE_READ);
    enum err e =
        message.len <= NOISE_HANDSHAKE_MAX ? read_parts(n, aead, message, payload) : ERR_TOO_BIG;
    if (e == ERR_OK)
        n->messages++;
    else
        n->failed = true;
    return e;
}

void noise_split(struct noise *n, struct aead *send, struct aead *receive)
{
    assert(noise_turn(n) == NOISE_DONE);
    uint8_t first[32], second[32], peer[X25519_SIZE];
    hmac_hkdf(text_of(n->chain), (struct span){0}, first, second, NULL);
    aead_rekey(send, n->initiator ? first : second);
    aead_rekey(receive, n->initiator ? second : first);
    secret_wipe(first, sizeof first);
    secret_wipe(second, sizeof second);
    memcpy(peer, n->peer_static, sizeof peer);
    noise_wipe(n);
    memcpy(n->peer_static, peer, sizeof peer);
}

void noise_wipe(struct noise *n)
{
    secret_wipe(n, sizeof *n);
}

enum err noise_seal(struct noise_channel *c, uint8_t *text, size_t len)
{
    uint8_t nonce[AEAD_NONCE_SIZE];
    assert(len <= NOISE_TEXT_MAX);
    if (c->counter == UINT64_MAX)
        return ERR_FULL;
    aead_nonce(c->counter++, nonce);
    aead_seal(c->aead, nonce, (struct span){0}, (struct room){text, len}, text + len);
    return ERR_OK;
}

enum err noise_open(struct noise_channel *c, struct room message, struct span *text)
{
    uint8_t nonce[AEAD_NONCE_SIZE];
    if (message.len < AEAD_TAG_SIZE)
        return ERR_MALFORMED;
    if (c->counter == UINT64_MAX)
        return ERR_FULL;
    size_t len = message.len - AEAD_TAG_SIZE;
    aead_nonce(c->counter++, nonce);
    *text = span_of(message.ptr, len);
    return aead_unseal(c->aead, nonce, (struct span){0}, (struct room){message.ptr, len},
                       message.ptr + len);
}
