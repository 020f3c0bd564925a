/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: the implementation of values.h. Behind the descriptors. */

/*: needs viam.common.v1.GetReadingsResponse */
VIAMC_API viamc_err viamc_readings(const viamc_event *ev, viamc_fields *readings)
{
    viamc_err err;
    *readings = viamc_struct_fields(viamc_view(NULL, 0));
    if (ev->method == NULL || ev->method->reply != &viam_common_v1_GetReadingsResponse_msg)
        return VIAMC_ERR_ARG;
    err = vmc_proto_brought(ev, false);
    if (err == VIAMC_OK)
        err = viamc_struct_check(ev->msg); /* the map is field 1, as in a Struct */
    if (err == VIAMC_OK)
        *readings = viamc_struct_fields(ev->msg);
    return err;
}

/*: end */
