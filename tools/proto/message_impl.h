/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: the implementation of message.h. */

/* Messages are written by nanopb, whose callback is vmc_proto_field. They are read here: nanopb hands its callback a copy of an element that is
 * not packed, so that no view of it can be had, and it knows no field number above 65,535. */

/* What a view is: array_size of its descriptor, which nanopb leaves alone where the field is a callback's. Of a list it is the size of an
 * element, and a list of Structs has the type of bytes of fixed length, which is not used otherwise. */
enum {
    VMC_VIEW_PLAIN = 1,    /* viamc_str, viamc_bytes: written unless empty */
    VMC_VIEW_OPTIONAL = 2, /* viamc_str, viamc_bytes: written unless ptr is NULL */
    VMC_VIEW_STRUCT = 3,   /* viamc_fields: written unless rest.ptr is NULL */
    VMC_VIEW_MAP = 4,      /* viamc_fields of a map<string, Value> that is field 1 */
    VMC_VIEW_VALUE = 5,    /* viamc_value */
    VMC_VIEW_FAR = 0x8000  /* a message with a number above 65,535: its upper half is here, the lower one where nanopb's number is */
};
#define VMC_PROTO_EXTRA 99u /* number of `extra` in every request that has it */

VMC_STATIC_ASSERT(proto_double_has_64_bits, sizeof(double) == 8); /* avr-gcc: -mdouble=64; nanopb would write half of each number */

VMC_FN uint8_t vmc_proto_ltype(const pb_field_iter_t *f)
{
    return (uint8_t)PB_LTYPE(f->type);
}

VMC_FN bool vmc_proto_is_list(const pb_field_iter_t *f)
{
    return PB_HTYPE(f->type) == PB_HTYPE_REPEATED;
}

VMC_FN bool vmc_proto_is_far(const pb_field_iter_t *f)
{
    return PB_ATYPE(f->type) == PB_ATYPE_CALLBACK && !vmc_proto_is_list(f) && f->array_size >= VMC_VIEW_FAR;
}

/* The number of a field. */
VMC_FN uint32_t vmc_proto_number(const pb_field_iter_t *f)
{
    return vmc_proto_is_far(f) ? (uint32_t)(f->array_size - VMC_VIEW_FAR) << 16 | f->tag : f->tag;
}

VMC_FN uint8_t vmc_proto_wire_type(uint8_t ltype)
{
    switch (ltype) {
    case PB_LTYPE_BOOL:
    case PB_LTYPE_VARINT:
    case PB_LTYPE_UVARINT:
    case PB_LTYPE_SVARINT: return VMC_WIRE_VARINT;
    case PB_LTYPE_FIXED32: return VMC_WIRE_FIXED32;
    case PB_LTYPE_FIXED64: return VMC_WIRE_FIXED64;
    default: return VMC_WIRE_BYTES;
    }
}

/* ---- numbers: what is on the wire, and what is in a struct or array ---- */

VMC_FN void vmc_proto_store(uint8_t ltype, size_t size, uint64_t wire, void *to)
{
    uint64_t wide = ltype == PB_LTYPE_SVARINT ? wire >> 1 ^ (0u - (wire & 1u)) : wire;
    uint32_t low = (uint32_t)wide;
    if (ltype == PB_LTYPE_BOOL)
        *(bool *)to = wire != 0;
    else if (size == sizeof low)
        vmc_copy(to, &low, sizeof low);
    else
        vmc_copy(to, &wide, sizeof wide);
}

VMC_FN uint64_t vmc_proto_load(uint8_t ltype, size_t size, const void *from)
{
    uint64_t wide = 0;
    uint32_t low;
    if (ltype == PB_LTYPE_BOOL)
        return *(const bool *)from ? 1u : 0u;
    if (size == sizeof wide) {
        vmc_copy(&wide, from, sizeof wide);
    } else {
        vmc_copy(&low, from, sizeof low);
        wide = low;
        if (low >> 31 != 0 && (ltype == PB_LTYPE_VARINT || ltype == PB_LTYPE_SVARINT))
            wide |= (uint64_t)0xffffffffu << 32;
    }
    return ltype == PB_LTYPE_SVARINT ? wide << 1 ^ (0u - (wide >> 63)) : wide;
}

/* ---- reading: a stack of messages that lie in one another by value, the innermost on top ---- */

typedef struct vmc_proto_level {
    vmc_rd r;             /* what is left of the message */
    const uint8_t *start; /* of the message */
    const pb_msgdesc_t *fields;
    void *message;
} vmc_proto_level;

VMC_FN void vmc_proto_enter(vmc_proto_level *at, const pb_msgdesc_t *fields, viamc_bytes msg, void *message)
{
    at->r = vmc_rd_of(msg);
    at->start = msg.ptr;
    at->fields = fields;
    at->message = message;
}

/* Finds the descriptor of a field. False: unknown, or of another type than it should be, which is the same. */
VMC_FN bool vmc_proto_find(const vmc_proto_level *at, const vmc_wire_field *f, pb_field_iter_t *it)
{
    uint8_t type;
    if (!pb_field_iter_begin(it, at->fields, at->message) || !pb_field_iter_find(it, f->number & 0xffffu) || vmc_proto_number(it) != f->number)
        return false;
    type = vmc_proto_wire_type(vmc_proto_ltype(it));
    return f->type == type || (f->type == VMC_WIRE_BYTES && vmc_proto_is_list(it)); /* packed numbers */
}

/* Notes that a field came. A oneof's member that was not the last one begins with zeros. */
VMC_FN void vmc_proto_mark(const pb_field_iter_t *it)
{
    pb_size_t *which = (pb_size_t *)it->pSize;
    if (PB_HTYPE(it->type) == PB_HTYPE_ONEOF) {
        if (*which != it->tag)
            VIAMC_MEMSET(it->pData, 0, it->data_size);
        *which = it->tag;
    } else if (it->pSize != NULL) {
        *(bool *)it->pSize = true;
    }
}

/* Lets a span of octets reach to the cursor. False if it began in an earlier part of a message that came in two. */
VMC_FN bool vmc_proto_extend(const vmc_proto_level *at, const uint8_t *start, viamc_bytes *span)
{
    if (span->ptr == NULL)
        span->ptr = start;
    else if (span->ptr < at->start)
        return false;
    span->len = (size_t)(at->r.ptr - span->ptr);
    return true;
}

VMC_FN bool vmc_proto_take_list(const vmc_proto_level *at, const uint8_t *start, const pb_field_iter_t *it)
{
    viamc_list *list = (viamc_list *)it->pData;
    viamc_bytes span = viamc_view(list->ptr, list->len);
    if (!vmc_proto_extend(at, start, &span))
        return false;
    list->ptr = span.ptr;
    list->len = span.len;
    list->fields = it->submsg_desc;
    list->number = (uint16_t)it->tag;
    list->size = (uint16_t)it->array_size;
    list->type = vmc_proto_ltype(it);
    return true;
}

VMC_FN bool vmc_proto_take_struct(const pb_field_iter_t *it, viamc_bytes msg)
{
    viamc_fields *fields = (viamc_fields *)it->pData;
    if (fields->rest.ptr != NULL)
        return false; /* in two parts */
    *fields = viamc_struct_fields(msg);
    return true;
}

VMC_FN bool vmc_proto_take_map(const vmc_proto_level *at, const uint8_t *start, const pb_field_iter_t *it)
{
    viamc_fields *fields = (viamc_fields *)it->pData;
    viamc_bytes span = fields->rest;
    if (!vmc_proto_extend(at, start, &span))
        return false;
    *fields = viamc_struct_fields(span);
    return true;
}

/* Takes a view of a field that began at start and ends at the cursor. */
VMC_FN bool vmc_proto_take_view(const vmc_proto_level *at, const uint8_t *start, const vmc_wire_field *f, const pb_field_iter_t *it)
{
    switch (it->array_size) {
    case VMC_VIEW_STRUCT: return vmc_proto_take_struct(it, f->bytes);
    case VMC_VIEW_MAP: return vmc_proto_take_map(at, start, it);
    case VMC_VIEW_VALUE: return vmc_struct_read_value(f->bytes, 1, (viamc_value *)it->pData);
    default: break;
    }
    if (vmc_proto_ltype(it) == PB_LTYPE_STRING)
        *(viamc_str *)it->pData = vmc_wire_text(f);
    else
        *(viamc_bytes *)it->pData = f->bytes;
    return true;
}

/* Takes over a field that is not a message by value. */
VMC_FN bool vmc_proto_take(const vmc_proto_level *at, const uint8_t *start, const vmc_wire_field *f, const pb_field_iter_t *it)
{
    if (vmc_proto_is_list(it))
        return vmc_proto_take_list(at, start, it);
    if (PB_ATYPE(it->type) == PB_ATYPE_CALLBACK)
        return vmc_proto_take_view(at, start, f, it);
    vmc_proto_store(vmc_proto_ltype(it), it->data_size, f->value, it->pData);
    return true;
}

/* Reads a message into a struct of zeros. Each turn takes a field from a cursor, or leaves a message. */
VMC_FN bool vmc_proto_read(const pb_msgdesc_t *fields, viamc_bytes msg, void *out)
{
    vmc_proto_level stack[VMC_PROTO_DEPTH];
    size_t depth = 1;
    pb_field_iter_t it;
    vmc_wire_field f;
    vmc_proto_enter(stack, fields, msg, out);
    while (depth != 0) {
        vmc_proto_level *at = &stack[depth - 1u];
        const uint8_t *start = at->r.ptr;
        if (!vmc_wire_next(&at->r, &f)) {
            if (!vmc_rd_ok(&at->r))
                return false;
            depth--;
        } else if (vmc_proto_find(at, &f, &it)) {
            vmc_proto_mark(&it);
            if (!PB_LTYPE_IS_SUBMSG(it.type) || vmc_proto_is_list(&it)) {
                if (!vmc_proto_take(at, start, &f, &it))
                    return false;
            } else if (depth < VMC_PROTO_DEPTH) { /* always: the generator counted */
                vmc_proto_enter(&stack[depth++], it.submsg_desc, f.bytes, it.pData);
            }
        }
    }
    return true;
}

VIAMC_API viamc_err viamc_message_read(const pb_msgdesc_t *fields, viamc_bytes msg, void *out, size_t size)
{
    if (out == NULL)
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(out, 0, size);
    if (fields == NULL || !vmc_is_view(msg))
        return VIAMC_ERR_ARG;
    return vmc_proto_read(fields, msg, out) ? VIAMC_OK : VIAMC_ERR_MESSAGE;
}

/* ---- lists ---- */

VIAMC_API viamc_list viamc_list_array(const void *array, size_t count, size_t size)
{
    viamc_list list;
    VIAMC_MEMSET(&list, 0, sizeof list);
    if (count != 0 && (array == NULL || size == 0 || size > 0xffffu)) {
        list.err = VIAMC_ERR_ARG;
        return list;
    }
    list.ptr = array;
    list.len = count;
    list.size = (uint16_t)size;
    return list;
}

VIAMC_API viamc_list viamc_list_from(viamc_list_fn next, void *user)
{
    viamc_list list;
    VIAMC_MEMSET(&list, 0, sizeof list);
    list.ptr = user;
    list.next = next;
    list.err = (viamc_err)(next != NULL ? VIAMC_OK : VIAMC_ERR_ARG);
    return list;
}

VMC_FN bool vmc_proto_end_list(viamc_list *list, viamc_err err)
{
    list->err = err;
    list->len = 0;
    list->run = 0;
    return false;
}

VMC_FN void vmc_proto_advance(viamc_list *list, const vmc_rd *r)
{
    list->ptr = r->ptr;
    list->len = r->left;
}

/* Goes on to the next element that is not packed, or to the next run of packed ones. False at the end. */
VMC_FN bool vmc_proto_next_field(viamc_list *list, vmc_wire_field *f)
{
    uint8_t type = vmc_proto_wire_type(list->type);
    vmc_rd r = vmc_rd_of(viamc_view(list->ptr, list->len));
    while (vmc_wire_next(&r, f)) {
        vmc_proto_advance(list, &r);
        if (f->number == list->number && f->type == type)
            return true;
        if (f->number == list->number && f->type == VMC_WIRE_BYTES && f->bytes.len != 0) {
            list->run = f->bytes.len;
            list->ptr = f->bytes.ptr;
            list->len += list->run;
            return true;
        }
    }
    if (!vmc_rd_ok(&r))
        list->err = VIAMC_ERR_MESSAGE;
    return vmc_proto_end_list(list, list->err);
}

/* Goes on to the next element: as the field that it would be if it were not packed. False at the end. */
VMC_FN bool vmc_proto_next(viamc_list *list, vmc_wire_field *f)
{
    vmc_rd r;
    if (list->run == 0 && !vmc_proto_next_field(list, f))
        return false;
    if (list->run == 0)
        return true;
    r = vmc_rd_of(viamc_view(list->ptr, list->run));
    f->type = vmc_proto_wire_type(list->type);
    vmc_wire_payload(&r, f);
    if (!vmc_rd_ok(&r))
        return vmc_proto_end_list(list, VIAMC_ERR_MESSAGE);
    list->len -= list->run - r.left;
    list->run = r.left;
    list->ptr = r.ptr;
    return true;
}

/* Makes an element of its field. */
VMC_FN bool vmc_proto_element(const viamc_list *list, const vmc_wire_field *f, void *element)
{
    switch (list->type) {
    case PB_LTYPE_STRING: *(viamc_str *)element = vmc_wire_text(f); return true;
    case PB_LTYPE_BYTES: *(viamc_bytes *)element = f->bytes; return true;
    case PB_LTYPE_FIXED_LENGTH_BYTES: *(viamc_fields *)element = viamc_struct_fields(f->bytes); return true;
    case PB_LTYPE_SUBMESSAGE: return viamc_message_read(list->fields, f->bytes, element, list->size) == VIAMC_OK;
    default: vmc_proto_store(list->type, list->size, f->value, element); return true;
    }
}

VIAMC_API bool viamc_list_take(viamc_list *list, void *element, size_t size)
{
    vmc_wire_field f;
    if (list == NULL)
        return false;
    if (element == NULL)
        return vmc_proto_end_list(list, VIAMC_ERR_ARG);
    if (list->number == 0)
        return list->len != 0 || list->next != NULL ? vmc_proto_end_list(list, VIAMC_ERR_ARG) : false;
    if (size != list->size)
        return vmc_proto_end_list(list, VIAMC_ERR_ARG);
    if (!vmc_proto_next(list, &f))
        return false;
    return vmc_proto_element(list, &f, element) || vmc_proto_end_list(list, VIAMC_ERR_MESSAGE);
}

/* An element of a list that is to be written, NULL behind the last one. */
VMC_FN const void *vmc_proto_item(const viamc_list *list, size_t index, size_t size)
{
    if (list->next != NULL)
        return list->next((void *)(uintptr_t)list->ptr, index);
    return index < list->len ? (const uint8_t *)list->ptr + index * size : NULL;
}

VIAMC_API size_t viamc_list_count(const viamc_list *list)
{
    viamc_list walk;
    vmc_wire_field f;
    size_t n = 0;
    if (list == NULL)
        return 0;
    walk = *list;
    if (list->number == 0 && list->next == NULL)
        return list->len;
    while (list->number != 0 ? vmc_proto_next(&walk, &f) : vmc_proto_item(list, n, 0) != NULL)
        n++;
    return n;
}

/* ---- writing: nanopb's callback. False makes pb_encode fail ---- */

VMC_FN bool vmc_proto_put_bytes(pb_ostream_t *out, uint32_t number, viamc_bytes v)
{
    return pb_encode_tag(out, PB_WT_STRING, number) && pb_encode_string(out, v.ptr, v.ptr == NULL ? 0 : v.len);
}

/* Writes a number without a tag. */
VMC_FN bool vmc_proto_put_number(pb_ostream_t *out, uint8_t ltype, uint64_t wire)
{
    uint32_t low = (uint32_t)wire;
    if (ltype == PB_LTYPE_FIXED32)
        return pb_encode_fixed32(out, &low);
    return ltype == PB_LTYPE_FIXED64 ? pb_encode_fixed64(out, &wire) : pb_encode_varint(out, wire);
}

/* The next number of a list, received or not. */
VMC_FN bool vmc_proto_next_number(viamc_list *list, const pb_field_iter_t *field, size_t index, uint64_t *wire)
{
    vmc_wire_field f;
    const void *item;
    if (list->number != 0) {
        bool more = vmc_proto_next(list, &f);
        *wire = f.value;
        return more;
    }
    item = vmc_proto_item(list, index, field->array_size);
    if (item != NULL)
        *wire = vmc_proto_load(vmc_proto_ltype(field), field->array_size, item);
    return item != NULL;
}

/* Writes numbers packed, once to nowhere for their length and once in earnest. */
VMC_FN bool vmc_proto_put_numbers(pb_ostream_t *out, const pb_field_iter_t *field, const viamc_list *list)
{
    pb_ostream_t sizing = PB_OSTREAM_SIZING;
    uint8_t ltype = vmc_proto_ltype(field);
    viamc_list walk = *list;
    uint64_t wire = 0;
    size_t i;
    for (i = 0; vmc_proto_next_number(&walk, field, i, &wire); i++)
        if (!vmc_proto_put_number(&sizing, ltype, wire))
            return false;
    if (walk.err != VIAMC_OK || sizing.bytes_written == 0)
        return walk.err == VIAMC_OK;
    if (!pb_encode_tag(out, PB_WT_STRING, field->tag) || !pb_encode_varint(out, sizing.bytes_written))
        return false;
    walk = *list;
    for (i = 0; vmc_proto_next_number(&walk, field, i, &wire); i++)
        if (!vmc_proto_put_number(out, ltype, wire))
            return false;
    return true;
}

/* Writes a Struct, unless a walk over it found that it is malformed. */
VMC_FN bool vmc_proto_put_struct(pb_ostream_t *out, uint32_t number, const viamc_fields *fields)
{
    return fields->err == VIAMC_OK && vmc_proto_put_bytes(out, number, fields->rest);
}

/* Writes an element that is no number. */
VMC_FN bool vmc_proto_put_item(pb_ostream_t *out, const pb_field_iter_t *field, const void *item)
{
    switch (vmc_proto_ltype(field)) {
    case PB_LTYPE_STRING: return vmc_proto_put_bytes(out, field->tag, vmc_bytes_of(*(const viamc_str *)item));
    case PB_LTYPE_BYTES: return vmc_proto_put_bytes(out, field->tag, *(const viamc_bytes *)item);
    case PB_LTYPE_FIXED_LENGTH_BYTES: return vmc_proto_put_struct(out, field->tag, (const viamc_fields *)item);
    default: return pb_encode_tag(out, PB_WT_STRING, field->tag) && pb_encode_submessage(out, field->submsg_desc, item);
    }
}

/* Writes elements that are no numbers and were received: octet for octet. */
VMC_FN bool vmc_proto_put_received(pb_ostream_t *out, uint32_t number, const viamc_list *list)
{
    viamc_list walk = *list;
    vmc_wire_field f;
    while (vmc_proto_next(&walk, &f))
        if (!vmc_proto_put_bytes(out, number, f.bytes))
            return false;
    return walk.err == VIAMC_OK;
}

VMC_FN bool vmc_proto_put_list(pb_ostream_t *out, const pb_field_iter_t *field, const viamc_list *list)
{
    const void *item;
    size_t i;
    bool same = list->size == field->array_size || (list->number == 0 && list->size == 0);
    if (list->number != 0 && (list->type != vmc_proto_ltype(field) || list->fields != field->submsg_desc))
        same = false;
    if (list->err != VIAMC_OK || (!same && (list->len != 0 || list->next != NULL)))
        PB_RETURN_ERROR(out, "list of another type");
    if (vmc_proto_ltype(field) <= PB_LTYPE_LAST_PACKABLE)
        return vmc_proto_put_numbers(out, field, list);
    if (list->number != 0)
        return vmc_proto_put_received(out, field->tag, list);
    for (i = 0; (item = vmc_proto_item(list, i, field->array_size)) != NULL; i++)
        if (!vmc_proto_put_item(out, field, item))
            return false;
    return true;
}

/* Writes a map of Values: its entries, and not what may lie between them. */
VMC_FN bool vmc_proto_put_map(pb_ostream_t *out, const viamc_fields *map)
{
    vmc_rd r = vmc_rd_of(map->rest);
    vmc_wire_field f;
    while (vmc_wire_next(&r, &f))
        if (f.number == VMC_STRUCT_ITEM && f.type == VMC_WIRE_BYTES && !vmc_proto_put_bytes(out, f.number, f.bytes))
            return false;
    return map->err == VIAMC_OK && vmc_rd_ok(&r);
}

/* Writes the member of a Value that its kind says. */
VMC_FN bool vmc_proto_put_member(pb_ostream_t *out, const viamc_value *v)
{
    uint32_t number = v->kind + 1u;
    switch (v->kind) {
    case VIAMC_NULL: return pb_encode_tag(out, PB_WT_VARINT, number) && pb_encode_varint(out, 0);
    case VIAMC_NUMBER: return pb_encode_tag(out, PB_WT_64BIT, number) && pb_encode_fixed64(out, &v->number);
    case VIAMC_STRING: return vmc_proto_put_bytes(out, number, vmc_bytes_of(v->text));
    case VIAMC_BOOL: return pb_encode_tag(out, PB_WT_VARINT, number) && pb_encode_varint(out, v->boolean ? 1u : 0u);
    case VIAMC_STRUCT: return vmc_proto_put_struct(out, number, &v->fields);
    case VIAMC_LIST: return v->list.err == VIAMC_OK && vmc_proto_put_bytes(out, number, v->list.rest);
    default: return false;
    }
}

VMC_FN bool vmc_proto_put_value(pb_ostream_t *out, uint32_t number, const viamc_value *v)
{
    pb_ostream_t sizing = PB_OSTREAM_SIZING;
    return vmc_proto_put_member(&sizing, v) && pb_encode_tag(out, PB_WT_STRING, number)
        && pb_encode_varint(out, sizing.bytes_written) && vmc_proto_put_member(out, v);
}

VMC_FN bool vmc_proto_put_view(pb_ostream_t *out, const pb_field_iter_t *field)
{
    bool member = PB_HTYPE(field->type) == PB_HTYPE_ONEOF; /* is written even if empty: it is the one that is set */
    const viamc_fields *fields = (const viamc_fields *)field->pData;
    viamc_bytes v;
    if (vmc_proto_is_far(field))
        return pb_encode_tag(out, PB_WT_STRING, vmc_proto_number(field)) && pb_encode_submessage(out, field->submsg_desc, field->pData);
    switch (field->array_size) {
    case VMC_VIEW_MAP: return vmc_proto_put_map(out, fields);
    case VMC_VIEW_VALUE: return vmc_proto_put_value(out, field->tag, (const viamc_value *)field->pData);
    case VMC_VIEW_STRUCT: return (!member && fields->rest.ptr == NULL) || vmc_proto_put_struct(out, field->tag, fields);
    default: v = vmc_proto_ltype(field) == PB_LTYPE_STRING ? vmc_bytes_of(*(const viamc_str *)field->pData) : *(const viamc_bytes *)field->pData; break;
    }
    if (!member && (v.ptr == NULL || (v.len == 0 && field->array_size == VMC_VIEW_PLAIN)))
        return true;
    return vmc_proto_put_bytes(out, field->tag, v);
}

/* field_callback of every descriptor that has views or lists. */
static bool vmc_proto_field(pb_istream_t *in, pb_ostream_t *out, const pb_field_iter_t *field)
{
    if (out == NULL)
        PB_RETURN_ERROR(in, "viamc_message_read reads this");
    if (vmc_proto_is_list(field))
        return vmc_proto_put_list(out, field, (const viamc_list *)field->pData);
    return vmc_proto_put_view(out, field);
}

VIAMC_API viamc_err viamc_message_write(const pb_msgdesc_t *fields, const void *msg, uint8_t *buf, size_t cap, viamc_bytes *encoded)
{
    pb_ostream_t out = pb_ostream_from_buffer(buf, buf == NULL ? 0 : cap);
    size_t need = 0;
    if (encoded == NULL)
        return VIAMC_ERR_ARG;
    *encoded = viamc_view(NULL, 0);
    if (fields == NULL || msg == NULL)
        return VIAMC_ERR_ARG;
    if (buf != NULL && pb_encode(&out, fields, msg)) {
        *encoded = viamc_view(buf, out.bytes_written);
        return VIAMC_OK;
    }
    if (!pb_get_encoded_size(&need, fields, msg))
        return VIAMC_ERR_MESSAGE;
    encoded->len = need;
    return VIAMC_ERR_NOMEM;
}
