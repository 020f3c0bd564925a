/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: large messages on their way to a sink, field by field. */

/* ---- sinks: bytes fields go to the sink as they come, the rest of the message is kept in the slot ----
 *
 * What is kept is the message as it came without the octets that the sink got: its headers say the lengths that came. So the place in the
 * message follows from what is kept and from the number of octets that came (vmc_split_walk.got), and nothing else is stored: each call of
 * vmc_split goes over what is kept, at most a slot. When all came, a second walk puts the lengths of what is there, in varints of the same size. */

#define VMC_SPLIT_FIELDS 48u  /* of a reply; the generator counted */
#define VMC_SPLIT_DEPTH 8u    /* messages in one another, likewise */
#define VMC_SPLIT_PATH 128u   /* octets of a path, likewise */
#define VMC_SPLIT_HEADER 20u  /* octets before the content of a field: tag and length, or a number */
#define VMC_SPLIT_TOP 0xffu   /* parent of a field of the reply itself */

/* vmc_part.kind */
#define VMC_PART_MESSAGE 0x00u
#define VMC_PART_BYTES 0x01u
#define VMC_PART_LIST 0x02u /* and repeated */

/* A bytes field of a reply, or a message that leads to some. */
typedef struct vmc_part {
    uint16_t number;
    uint16_t name;  /* where it begins among the names */
    uint8_t parent; /* index of the message that it is in */
    uint8_t kind;
} vmc_part;

/* A message that is gone through. */
typedef struct vmc_split_level {
    uint32_t end;  /* where in the encoded message it ends */
    uint32_t body; /* where in what is kept it begins ... */
    uint32_t size; /* ... and the octets of the varint before it, its length */
    uint32_t part; /* what it is */
} vmc_split_level;

typedef struct vmc_split_walk {
    vmc_calls *calls;
    vmc_user_call *u;
    const struct vmc_parts *parts;
    viamc_bytes in;  /* octets that came */
    uint8_t *kept;   /* prefix, and what is kept behind it */
    uint32_t room;   /* octets there */
    uint32_t slot;  /* octets of a slot's message */
    uint32_t at;     /* octets of kept that were gone over */
    uint32_t pos;    /* the same place in the encoded message */
    uint32_t got;    /* octets of it that came, kept or given */
    uint32_t groups; /* that are open: no field in them is known */
    uint32_t depth;
    bool last;       /* walk: all came, lengths are corrected */
    vmc_split_level level[VMC_SPLIT_DEPTH];
    uint32_t count[VMC_SPLIT_FIELDS]; /* of each that came */
} vmc_split_walk;

/* The header of a field. */
typedef struct vmc_split_field {
    vmc_wire_field wire;
    uint32_t size;     /* octets of it */
    uint32_t len_size; /* of its last varint, the length */
    uint64_t len;      /* of the content behind it */
} vmc_split_field;

/* Refuses the message. */
VMC_FN viamc_err vmc_split_refuse(vmc_split_walk *s, uint32_t status, const char *text)
{
    return vmc_calls_refuse(s->calls, &s->u->call, status, text);
}

VMC_FN viamc_err vmc_split_malformed(vmc_split_walk *s)
{
    return vmc_split_refuse(s, VIAMC_INTERNAL, VMC_TEXT("malformed message"));
}

/* n octets more of the message came. */
VMC_FN void vmc_split_count(vmc_split_walk *s, uint32_t n)
{
    s->got += n;
    s->u->left -= n;
}

/* Keeps n octets more. WAIT: they have not all come. A quarter of the slot stays free, or nothing more could come. */
VMC_FN viamc_err vmc_split_keep(vmc_split_walk *s, uint32_t n)
{
    vmc_user_call *u = s->u;
    uint32_t take;
    if (n > vmc_min32(VMC_CALL_PREFIX + s->slot - s->slot / 4u, 0xffffu) - u->call.kept)
        return vmc_split_refuse(s, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("what is beside the bytes fields does not fit into a slot"));
    take = (uint32_t)vmc_min(vmc_min(n, s->in.len), s->room - u->call.kept);
    vmc_move(s->kept + u->call.kept, s->in.ptr, take);
    s->in = viamc_view(s->in.ptr + take, s->in.len - take);
    u->call.kept = (uint16_t)(u->call.kept + take);
    u->call.stored += take;
    vmc_split_count(s, take);
    return (viamc_err)(take == n ? VIAMC_OK : VIAMC_WAIT);
}

/* Reads as much of a header as there is: true if it is whole. */
VMC_FN bool vmc_split_parse(viamc_bytes have, vmc_split_field *f)
{
    vmc_rd r = vmc_rd_of(have);
    f->len = 0;
    f->len_size = 0;
    if (!vmc_wire_tag(&r, &f->wire))
        return false;
    if (f->wire.type == VMC_WIRE_BYTES) {
        f->len_size = (uint32_t)r.left;
        f->len = vmc_wire_varint(&r);
        f->len_size -= (uint32_t)r.left;
    } else if (f->wire.type != VMC_WIRE_GROUP && f->wire.type != VMC_WIRE_GROUP_END) {
        vmc_wire_payload(&r, &f->wire);
    }
    f->size = (uint32_t)(have.len - r.left);
    return vmc_rd_ok(&r);
}

/* The header of the next field, kept octet by octet until it is whole. */
VMC_FN viamc_err vmc_split_header(vmc_split_walk *s, vmc_split_field *f)
{
    const uint32_t left = s->level[s->depth - 1u].end - s->pos;
    for (;;) {
        uint32_t have = vmc_min32(vmc_min32(s->u->call.kept - s->at, VMC_SPLIT_HEADER), left);
        viamc_err err;
        if (vmc_split_parse(viamc_view(s->kept + s->at, have), f))
            break;
        if (have == VMC_SPLIT_HEADER || have == left)
            return vmc_split_malformed(s);
        err = vmc_split_keep(s, 1);
        if (err != VIAMC_OK)
            return err;
    }
    s->at += f->size;
    s->pos += f->size;
    if (f->len > left - f->size)
        return vmc_split_malformed(s);
    return VIAMC_OK;
}

/* The number of the part that a field is; count: none. */
VMC_FN uint32_t vmc_split_find(const vmc_split_walk *s, const vmc_split_field *f)
{
    const struct vmc_parts *parts = s->parts;
    uint32_t i = 0;
    if (s->groups != 0 || f->wire.type != VMC_WIRE_BYTES)
        return parts->count;
    while (i < parts->count && (parts->fields[i].number != f->wire.number || parts->fields[i].parent != s->level[s->depth - 1u].part))
        i++;
    return i;
}

/* Puts the length of what is there into the varint of `size` octets before `body`: it is no longer than the one that came. */
VMC_FN void vmc_split_correct(vmc_split_walk *s, uint32_t body, uint32_t size, uint32_t len)
{
    uint8_t *p = s->kept + body - size;
    for (; s->last && size != 0; size--, len >>= 7)
        *p++ = (uint8_t)((len & 0x7fu) | (size > 1u ? 0x80u : 0u));
}

VMC_FN void vmc_split_enter(vmc_split_walk *s, uint32_t part, const vmc_split_field *f)
{
    vmc_split_level *l = &s->level[s->depth++];
    uint32_t i;
    l->end = s->pos + (uint32_t)f->len;
    l->body = s->at;
    l->size = f->len_size;
    l->part = part;
    for (i = 0; i < s->parts->count; i++)
        if (s->parts->fields[i].parent == part)
            s->count[i] = 0;
}

/* Writes "images[2].image". */
VMC_FN void vmc_split_path(const vmc_split_walk *s, uint32_t part, char out[VMC_SPLIT_PATH])
{
    vmc_wr w = vmc_wr_of(out, VMC_SPLIT_PATH - 1u);
    uint32_t i;
    for (i = 1; i <= s->depth; i++) {
        uint32_t here = i < s->depth ? s->level[i].part : part;
        vmc_wr_text(&w, s->parts->names + s->parts->fields[here].name);
        if ((s->parts->fields[here].kind & VMC_PART_LIST) != 0) {
            vmc_wr_u8(&w, '[');
            vmc_wr_dec(&w, s->count[here] - 1u);
            vmc_wr_u8(&w, ']');
        }
        if (i < s->depth)
            vmc_wr_u8(&w, '.');
    }
    out[w.len] = '\0';
}

/* Goes over a field whose octets are the sink's. */
VMC_FN viamc_err vmc_split_give(vmc_split_walk *s, uint32_t part, uint32_t len)
{
    char path[VMC_SPLIT_PATH];
    viamc_piece piece;
    viamc_err err;
    vmc_user_call *u = s->u;
    const uint32_t offset = vmc_min32(s->got - s->pos, len);
    if (offset < len) {
        vmc_split_path(s, part, path);
        piece.path = path;
        piece.bytes = viamc_view(s->in.ptr, vmc_min(s->in.len, len - offset));
        piece.offset = offset;
        piece.total = len;
        if (piece.bytes.len == 0)
            return (viamc_err)VIAMC_WAIT;
        err = u->taker.sink.fn(u->taker.sink.user, &piece);
        if (err != VIAMC_OK)
            return err;
        vmc_split_count(s, (uint32_t)piece.bytes.len);
        s->in = viamc_view(s->in.ptr + piece.bytes.len, s->in.len - piece.bytes.len);
    }
    if (s->got - s->pos < len)
        return (viamc_err)VIAMC_WAIT;
    s->pos += len;
    return VIAMC_OK;
}

/* Goes over a field that is kept. */
VMC_FN viamc_err vmc_split_pass(vmc_split_walk *s, uint32_t len)
{
    const uint32_t have = s->u->call.kept - s->at;
    viamc_err err = VIAMC_OK;
    if (have < len)
        err = vmc_split_keep(s, len - have);
    s->at += len;
    s->pos += len;
    return err;
}

/* Goes over a field, or into a message. WAIT: it has not all come, or the sink waits. */
VMC_FN viamc_err vmc_split_field_step(vmc_split_walk *s)
{
    vmc_split_field f;
    uint32_t part;
    viamc_err err = vmc_split_header(s, &f);
    if (err != VIAMC_OK)
        return err;
    if (f.wire.type == VMC_WIRE_GROUP)
        s->groups++; /* each took an octet */
    if (f.wire.type == VMC_WIRE_GROUP_END && s->groups-- == 0)
        return vmc_split_malformed(s);
    part = vmc_split_find(s, &f);
    if (part == s->parts->count)
        return vmc_split_pass(s, (uint32_t)f.len);
    s->count[part]++;
    if ((s->parts->fields[part].kind & VMC_PART_BYTES) == 0) {
        vmc_split_enter(s, part, &f);
        return VIAMC_OK;
    }
    if (s->at + f.len <= VMC_CALL_PREFIX + s->slot / 2u)
        return vmc_split_pass(s, (uint32_t)f.len);
    err = vmc_split_give(s, part, (uint32_t)f.len);
    vmc_split_correct(s, s->at, f.len_size, 0);
    return err;
}

/* Leaves the messages that end here. */
VMC_FN viamc_err vmc_split_leave(vmc_split_walk *s)
{
    while (s->depth != 0 && s->pos == s->level[s->depth - 1u].end) {
        const vmc_split_level *l = &s->level[--s->depth];
        if (s->groups != 0)
            return vmc_split_malformed(s);
        vmc_split_correct(s, l->body, l->size, s->at - l->body);
    }
    return VIAMC_OK;
}

/* Goes over the message from its first octet, as far as it came. */
VMC_FN viamc_err vmc_split_walk_on(vmc_split_walk *s, bool last)
{
    vmc_split_field all;
    viamc_err err;
    all.len = vmc_be32(s->kept + 1);
    all.len_size = 0;
    s->last = last;
    s->at = VMC_CALL_PREFIX;
    s->pos = s->groups = s->depth = 0;
    vmc_split_enter(s, VMC_SPLIT_TOP, &all);
    for (;;) { /* each field took an octet */
        err = vmc_split_leave(s);
        if (err != VIAMC_OK || s->depth == 0)
            return err;
        err = vmc_split_field_step(s);
        if (err != VIAMC_OK)
            return err;
    }
}

/* vmc_parts.split */
VMC_FN viamc_err vmc_split(vmc_calls *t, vmc_user_call *u, viamc_piece *piece)
{
    vmc_split_walk s;
    viamc_err err;
    uint32_t cap;
    s.calls = t;
    s.u = u;
    s.parts = u->method->parts;
    s.in = piece->bytes;
    piece->bytes.len = 0;
    s.kept = vmc_calls_slot(t, &u->call, &cap) + u->call.parsed;
    s.room = cap - u->call.parsed;
    s.slot = cap - VMC_CALL_PREFIX;
    s.got = vmc_be32(s.kept + 1) - u->left;
    err = vmc_split_walk_on(&s, false);
    if (err != VIAMC_OK)
        return err;
    err = vmc_split_walk_on(&s, true);
    vmc_put_be32(s.kept + 1, u->call.kept - VMC_CALL_PREFIX);
    return err;
}
