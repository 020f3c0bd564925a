/* SPDX-License-Identifier: MIT */
/* server/registry: which services are offered under which names. Knows nothing of calls. */
#ifndef VIAMC_SERVER_REGISTRY_IMPL_H
#define VIAMC_SERVER_REGISTRY_IMPL_H

#include "server/server.h"
#include "base/core_impl.h"
#include "codec/percent_impl.h"
#include "codec/wire_impl.h"
#include "call/call_impl.h"
#include "server/state.h"

#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_registry_is_named(const viamc_service *service)
{
    return service->subtype != NULL && service->subtype[0] != '\0';
}

/* Two objects may describe the same service. */
VMC_FN bool vmc_registry_same(const viamc_service *a, const viamc_service *b)
{
    return a == b || viamc_str_eq(viamc_text(a->name), viamc_text(b->name));
}

/* The resource of a service with this name; of a service without names its only one. NULL: none. */
VMC_FN viamc_resource *vmc_registry_find(const viamc_server *s, const viamc_service *service, viamc_str name)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        if (vmc_registry_same(r->service, service) && (!vmc_registry_is_named(service) || viamc_str_eq(r->name, name)))
            return r;
    }
    return NULL;
}

/* Takes the service's name and both slashes off a path; false if it is another's. */
VMC_FN bool vmc_registry_in_service(const viamc_service *service, viamc_str path)
{
    size_t n = vmc_strlen(service->name);
    return path.len >= n + 2u && path.ptr[0] == '/' && path.ptr[n + 1u] == '/' && vmc_same(path.ptr + 1, service->name, n);
}

/* Who serves a path of this service; NULL: nobody. */
VMC_FN const viamc_serve *vmc_registry_method(const viamc_service *service, viamc_str path)
{
    uint8_t i;
    if (!vmc_registry_in_service(service, path))
        return NULL;
    for (i = 0; i < service->count; i++)
        if (viamc_str_eq(viamc_text(service->methods[i].method->path), path))
            return service->methods[i].serve == NULL ? NULL : &service->methods[i];
    return NULL;
}

/* "no motor with name "lef" found", cut to cap, terminated. */
VMC_FN void vmc_registry_missing(const viamc_service *service, viamc_str name, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, cap - 1u);
    vmc_wr_text(&w, VMC_TEXT("no "));
    vmc_wr_text(&w, service->subtype);
    vmc_wr_text(&w, VMC_TEXT(" with name \""));
    vmc_wr_cut(&w, name.ptr, vmc_min(name.len, VMC_CALL_TEXT / 2u));
    vmc_wr_text(&w, VMC_TEXT("\" found"));
    buf[w.len] = '\0';
}

/* Writes a viam.common.v1.ResourceName as field `number`. */
VMC_FN void vmc_registry_put_name(vmc_wr *w, uint32_t number, const viamc_resource *r)
{
    size_t sub = vmc_wire_open(w, number);
    vmc_wire_put_text(w, 1, viamc_text("rdk"));
    vmc_wire_put_text(w, 2, viamc_text(r->service->type));
    vmc_wire_put_text(w, 3, viamc_text(r->service->subtype));
    vmc_wire_put_text(w, 4, r->name);
    vmc_wire_close(w, sub);
}

/* What a service is made of is there. */
VMC_FN bool vmc_registry_is_whole(const viamc_service *service)
{
    uint8_t i;
    if (service->name == NULL || (service->methods == NULL && service->count != 0))
        return false;
    for (i = 0; i < service->count; i++)
        if (service->methods[i].method == NULL || service->methods[i].method->path == NULL)
            return false;
    return true;
}

/* A name goes into texts of protobuf, which everybody refuses that are not UTF-8 (RFC 3629 4), and to people: no control characters. */
VMC_FN bool vmc_registry_name_ok(viamc_str name)
{
    static const uint32_t least[4] = {' ', 0x80u, 0x800u, 0x10000u}; /* that needs so many octets */
    size_t i = 0;
    while (i < name.len) {
        const uint8_t *p = (const uint8_t *)name.ptr + i;
        size_t k, n = vmc_percent_utf8_size(*p);
        uint32_t code = n == 1u ? *p : *p & (0x7fu >> n); /* U+... */
        if (n > name.len - i || (n == 1u && *p > '~'))
            return false;
        for (k = 1; k < n; k++) {
            if ((p[k] & 0xc0u) != 0x80u)
                return false;
            code = code << 6 | (p[k] & 0x3fu);
        }
        if (code < least[n - 1u] || code > 0x10ffffu || code >> 11 == 0xd800u >> 11) /* too long, too high, half a pair of UTF-16 */
            return false;
        i += n;
    }
    return name.len <= VMC_SERVER_NAME;
}

/* ---- public ---- */

VIAMC_API viamc_err viamc_server_add(viamc_server *s, const viamc_service *service, const char *name, const void *ops, void *user,
                                     viamc_resource **resource)
{
    viamc_resource *r;
    viamc_str text = viamc_text(name);
    if (s == NULL || service == NULL)
        return VIAMC_ERR_ARG;
    if (s->error.code != VIAMC_OK)
        return VIAMC_ERR_STATE;
    if (!vmc_registry_is_whole(service) || !vmc_registry_name_ok(text))
        return VIAMC_ERR_ARG;
    if ((text.len != 0) != vmc_registry_is_named(service) || vmc_registry_find(s, service, text) != NULL)
        return VIAMC_ERR_ARG;
    if (s->resource_count == s->desc.max_resources)
        return VIAMC_ERR_NOMEM;
    r = &s->resources[s->resource_count++];
    VIAMC_MEMSET(r, 0, sizeof *r);
    r->service = service;
    r->name = text;
    r->ops = ops;
    r->user = user;
    r->session = VMC_SERVER_NONE;
    if (resource != NULL)
        *resource = r;
    return VIAMC_OK;
}

VIAMC_API viamc_str viamc_resource_name(const viamc_resource *resource)
{
    return resource == NULL ? viamc_text("") : resource->name;
}

#endif
#endif
