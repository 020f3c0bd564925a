/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: the implementation of values.h. Behind the descriptors. */

/* ---- values ---- */

/* Seconds and nanoseconds as milliseconds: rounded down, within int64_t. */
VMC_FN int64_t vmc_proto_ms(int64_t seconds, int32_t nanos)
{
    if (seconds >= INT64_MAX / 1000 - 3)
        return INT64_MAX; /* nanos, if malformed, are up to 2.1 s */
    if (seconds <= INT64_MIN / 1000 + 3)
        return INT64_MIN;
    return seconds * 1000 + nanos / 1000000 - (nanos % 1000000 < 0 ? 1 : 0);
}

/*: needs google.protobuf.Duration */
VIAMC_API google_protobuf_Duration viamc_duration(int64_t ms)
{
    google_protobuf_Duration d;
    d.seconds = ms / 1000;
    d.nanos = (int32_t)(ms % 1000) * 1000000; /* both have one sign */
    return d;
}

VIAMC_API int64_t viamc_duration_ms(const google_protobuf_Duration *duration)
{
    return duration == NULL ? 0 : vmc_proto_ms(duration->seconds, duration->nanos - duration->nanos % 1000000);
}

/*: end */
/*: needs google.protobuf.Timestamp */
VIAMC_API google_protobuf_Timestamp viamc_timestamp(int64_t unix_ms)
{
    google_protobuf_Timestamp t;
    int32_t ms = (int32_t)(unix_ms % 1000);
    t.seconds = unix_ms / 1000 - (ms < 0 ? 1 : 0);
    t.nanos = (ms < 0 ? ms + 1000 : ms) * 1000000; /* counts forward, also before 1970 */
    return t;
}

VIAMC_API int64_t viamc_timestamp_ms(const google_protobuf_Timestamp *timestamp)
{
    return timestamp == NULL ? 0 : vmc_proto_ms(timestamp->seconds, timestamp->nanos);
}

/* Writes ":07" and the like. */
VMC_FN void vmc_proto_put_part(vmc_wr *w, char before, uint32_t n)
{
    vmc_wr_u8(w, (uint8_t)before);
    vmc_wr_dec2(w, n);
}

VIAMC_API size_t viamc_timestamp_print(const google_protobuf_Timestamp *timestamp, char text[25])
{
    static const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    uint32_t of_day, ms;
    vmc_wr w = vmc_wr_of(text, 24);
    if (text == NULL)
        return 0;
    text[0] = '\0';
    if (timestamp == NULL)
        return 0;
    of_day = (uint32_t)(timestamp->seconds % 86400);
    ms = (uint32_t)(timestamp->nanos / 1000000);
    if (timestamp->seconds >= 0 && timestamp->seconds <= last && timestamp->nanos >= 0 && ms <= 999u) {
        vmc_wr_date(&w, (uint32_t)(timestamp->seconds / 86400));
        vmc_proto_put_part(&w, 'T', of_day / 3600u);
        vmc_proto_put_part(&w, ':', of_day / 60u % 60u);
        vmc_proto_put_part(&w, ':', of_day % 60u);
        vmc_wr_u8(&w, '.');
        vmc_wr_u8(&w, '0' + ms / 100u);
        vmc_wr_dec2(&w, ms % 100u);
        vmc_wr_u8(&w, 'Z');
    }
    text[w.len] = '\0';
    return w.len;
}

/*: end */
/*: needs viam.common.v1.ResourceName */
/* Takes what stands before the next separator. False: it is not there, or nothing is before it. */
VMC_FN bool vmc_proto_take_part(viamc_str *text, char separator, viamc_str *before)
{
    size_t n = 0;
    while (n < text->len && text->ptr[n] != separator)
        n++;
    before->ptr = text->ptr;
    before->len = n;
    if (n == 0 || n == text->len)
        return false;
    text->ptr += n + 1u;
    text->len -= n + 1u;
    return true;
}

VIAMC_API viamc_err viamc_resource_name_parse(viamc_str text, viam_common_v1_ResourceName *name)
{
    if (name == NULL)
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(name, 0, sizeof *name);
    if (vmc_is_view(vmc_bytes_of(text)) && vmc_proto_take_part(&text, ':', &name->namespace_) && vmc_proto_take_part(&text, ':', &name->type)
        && vmc_proto_take_part(&text, '/', &name->subtype) && text.len != 0) {
        name->name = text;
        return VIAMC_OK;
    }
    VIAMC_MEMSET(name, 0, sizeof *name);
    return VIAMC_ERR_ARG;
}

VIAMC_API size_t viamc_resource_name_print(const viam_common_v1_ResourceName *name, char *buf, size_t cap)
{
    viamc_str parts[4];
    vmc_wr w;
    size_t i, need = 3;
    if (buf == NULL)
        cap = 0;
    if (cap != 0)
        buf[0] = '\0';
    if (name == NULL)
        return 0;
    parts[0] = name->namespace_;
    parts[1] = name->type;
    parts[2] = name->subtype;
    parts[3] = name->name;
    w = vmc_wr_of(buf, cap == 0 ? 0 : cap - 1u);
    for (i = 0; i < 4u; i++) {
        need += parts[i].len;
        vmc_wr_cut(&w, parts[i].ptr, parts[i].len);
        if (i != 3u)
            vmc_wr_cut(&w, i == 2u ? "/" : ":", 1);
    }
    if (cap != 0)
        buf[w.len] = '\0';
    return need;
}

/*: end */
/*: needs viam.common.v1.GetReadingsResponse */
VIAMC_API viamc_err viamc_readings(const viamc_event *ev, viamc_fields *readings)
{
    viamc_err err;
    if (readings == NULL)
        return VIAMC_ERR_ARG;
    *readings = viamc_struct_fields(viamc_view(NULL, 0));
    if (ev == NULL || ev->method == NULL || ev->method->reply != &viam_common_v1_GetReadingsResponse_msg)
        return VIAMC_ERR_ARG;
    err = vmc_proto_brought(ev, false);
    if (err == VIAMC_OK)
        err = viamc_struct_check(ev->msg); /* the map is field 1, as in a Struct */
    if (err == VIAMC_OK)
        *readings = viamc_struct_fields(ev->msg);
    return err;
}

/*: end */
