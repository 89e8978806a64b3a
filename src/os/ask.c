#include "os/ask.h"

#include <curl/curl.h>
#include <stdlib.h>

struct answer {
    uint8_t *bytes;
    size_t len, room;
    bool too_big;
};

static size_t on_body(char *bytes, size_t one, size_t count, void *ctx)
{
    struct answer *a = ctx;
    size_t len = one * count, need;
    if (!add_ok(a->len, len, &need) || need > ASK_ANSWER_MAX) {
        a->too_big = true;
        return 0;
    }
    if (need + 1 > a->room) {
        size_t room = 2 * need + 1;
        uint8_t *more = realloc(a->bytes, room);
        if (more == NULL)
            return 0;
        a->bytes = more;
        a->room = room;
    }
    memcpy(a->bytes + a->len, bytes, len);
    a->len = need;
    a->bytes[need] = '\0';
    return len;
}

static enum err outcome(CURL *c, CURLcode code, const struct answer *a)
{
    long status = 0;
    if (a->too_big)
        return ERR_TOO_BIG;
    if (code == CURLE_COULDNT_CONNECT)
        return ERR_CLOSED;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ERR_TIMEOUT;
    if (code != CURLE_OK || a->bytes == NULL)
        return ERR_IO;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? ERR_OK : ERR_DENIED;
}

enum err ask_post(const char *url, const char *json, uint32_t timeout_ms, struct span *body)
{
    struct answer a = {0};
    CURL *c = curl_easy_init();
    if (c == NULL)
        return ERR_NO_MEMORY;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(c, CURLOPT_PROXY, ""); /* A node is asked directly. */
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &a);
    enum err e = outcome(c, curl_easy_perform(c), &a);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    if (e == ERR_OK)
        *body = span_of(a.bytes, a.len);
    else
        free(a.bytes);
    return e;
}
