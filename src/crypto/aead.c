#include "crypto/aead.h"

#include <openssl/evp.h>
#include <sodium.h>

/* Where OpenSSL starts to win over its own cost to set a nonce: 0.5 us. */
enum { LONG_TEXT = 160 };

static_assert(AEAD_KEY_SIZE == crypto_aead_chacha20poly1305_ietf_KEYBYTES);
static_assert(AEAD_NONCE_SIZE == crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
static_assert(AEAD_TAG_SIZE == crypto_aead_chacha20poly1305_ietf_ABYTES);

enum err aead_open(struct aead *a, const uint8_t key[AEAD_KEY_SIZE])
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL)
        return ERR_NO_MEMORY;
    if (EVP_EncryptInit_ex(cipher, EVP_chacha20_poly1305(), NULL, key, NULL) != 1) {
        EVP_CIPHER_CTX_free(cipher);
        return ERR_NO_MEMORY;
    }
    a->cipher = cipher;
    memcpy(a->key, key, AEAD_KEY_SIZE);
    return ERR_OK;
}

void aead_close(struct aead *a)
{
    EVP_CIPHER_CTX_free(a->cipher); /* Wipes its copy of the key. */
    sodium_memzero(a, sizeof *a);
}

void aead_rekey(struct aead *a, const uint8_t key[AEAD_KEY_SIZE])
{
    memcpy(a->key, key, AEAD_KEY_SIZE);
    int good = EVP_EncryptInit_ex(a->cipher, NULL, NULL, key, NULL);
    assert(good == 1);
}

/* The calls below cannot fail but for the tag: the cipher is set up, and every
 * length is checked here. */
static void crypt(EVP_CIPHER_CTX *cipher, const uint8_t *nonce, struct span ad, struct room text,
                  int seal)
{
    int size = 0;
    assert(text.len <= INT32_MAX && ad.len <= INT32_MAX);
    int good = EVP_CipherInit_ex(cipher, NULL, NULL, NULL, nonce, seal);
    if (ad.len != 0)
        good &= EVP_CipherUpdate(cipher, NULL, &size, ad.ptr, (int)ad.len);
    good &= EVP_CipherUpdate(cipher, text.ptr, &size, text.ptr, (int)text.len);
    assert(good == 1);
}

void aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE_SIZE], struct span ad,
               struct room text, uint8_t tag[AEAD_TAG_SIZE])
{
    if (text.len < LONG_TEXT) {
        crypto_aead_chacha20poly1305_ietf_encrypt_detached(text.ptr, tag, NULL, text.ptr, text.len,
                                                           ad.ptr, ad.len, NULL, nonce, a->key);
        return;
    }
    int size = 0;
    crypt(a->cipher, nonce, ad, text, 1);
    int good = EVP_CipherFinal_ex(a->cipher, text.ptr + text.len, &size);
    good &= EVP_CIPHER_CTX_ctrl(a->cipher, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, tag);
    assert(good == 1 && size == 0);
}

enum err aead_unseal(struct aead *a, const uint8_t nonce[AEAD_NONCE_SIZE], struct span ad,
                     struct room text, const uint8_t tag[AEAD_TAG_SIZE])
{
    if (text.len < LONG_TEXT) {
        int bad = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
            text.ptr, NULL, text.ptr, text.len, tag, ad.ptr, ad.len, nonce, a->key);
        if (bad == 0)
            return ERR_OK;
    } else {
        int size = 0;
        uint8_t expected[AEAD_TAG_SIZE];
        memcpy(expected, tag, sizeof expected);
        crypt(a->cipher, nonce, ad, text, 0);
        int good = EVP_CIPHER_CTX_ctrl(a->cipher, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, expected);
        assert(good == 1);
        if (EVP_CipherFinal_ex(a->cipher, text.ptr + text.len, &size) == 1)
            return ERR_OK;
    }
    if (text.len != 0)
        sodium_memzero(text.ptr, text.len);
    return ERR_BAD_SIGNATURE;
}

void aead_nonce(uint64_t counter, uint8_t nonce[AEAD_NONCE_SIZE])
{
    memset(nonce, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        nonce[4 + i] = (uint8_t)(counter >> (8 * i));
}
