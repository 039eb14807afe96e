#include "fleet.h"

/* events - our stream of events of other computers' sessions. It is read while local clients are
 * subscribed to sessions, from its end at that time on: the pulls that follow know older events. */

/* As many entries at once, and Redis may have cut some off before they were read. */
#define EVENTS_SUSPECT (EVENTS_KEPT - 10)

/* The stream's oldest entry is known. When it is younger than the last one read before, events may
 * be lost, of whatever computer: all are pulled from. */
static void events_on_oldest(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    int lost = reply && reply->type == RESP_ARRAY &&
               codec_compare_ids(streams_last_id(reply), f->events_read) > 0;
    f->events_checking = 0;
    for (struct roster_peer *peer = f->first; lost && peer; peer = peer->next)
        pull_suspect(peer);
}

static void events_check(struct fleet *f)
{
    const char *const args[] = {"XRANGE", f->events.key, "-", "+", "COUNT", "1", NULL};
    if (f->events_checking)
        return;
    f->events_read = f->events.before;
    f->events_checking = streams_call(&f->streams, args, events_on_oldest, f);
}

static void events_handle(struct fleet *f, struct codec_id id, span payload)
{
    struct codec_event event;
    const char *why;
    if (!codec_parse_event(payload, &event, &why)) {
        streams_complain(&f->streams, "an event", span_of(event.source), why);
        return;
    }
    struct roster_peer *peer = roster_find(f, span_of(event.source));
    if (!peer) { /* we, or a computer that has gone or is new */
        presence_read_key(f, span_of(event.source));
        return;
    }
    struct json owner = json_get(event.session.object, "computer");
    peer->events_in++;
    long long lag = streams_now(&f->streams) - (long long)id.ms;
    peer->lag_ms = lag > 0 ? lag : 0; /* Redis's time is known to a few milliseconds */
    if (f->streams.batch >= EVENTS_SUSPECT)
        events_check(f);
    if (event.removed)
        roster_note_removal(peer, event.session.id, id);
    else if ((json_type(owner) == JSON_STRING && !json_text_eq(owner, peer->beat.name)) ||
             !roster_put_session(peer, &event.session, id, 0))
        peer->dropped++; /* another computer's session, or old */
}

static void events_on_entry(struct streams_stream *s, struct codec_id id, const struct resp *fields)
{
    buf mended = {0};
    events_handle(s->owner, id, codec_mend(codec_field(fields, "payload"), &mended));
    buf_free(&mended);
}

static void events_on_end(void *ctx, const struct resp *reply)
{
    struct fleet *f = ctx;
    if (reply && reply->type == RESP_ERROR)
        streams_refused(&f->streams, "the end of the event stream", reply);
    if (!reply || reply->type == RESP_ERROR || !(f->interest & CACHE_SESSIONS) || f->events.link)
        return;
    f->events.at = streams_last_id(reply);
    streams_stream_open(&f->streams, &f->events);
}

static void events_find_end(struct fleet *f)
{
    streams_find_end(&f->streams, f->events.key, events_on_end, f);
}
