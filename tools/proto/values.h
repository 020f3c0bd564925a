/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: handy forms of some messages. Behind all structs; each block is there if its message is. */
/*: needs viam.common.v1.Vector3 */

/* The three numbers as a message: viamc_base_set_power(robot, "base", viamc_vec3(0, 1, 0), viamc_vec3(0, 0, 0), NULL, &call). */
static inline viam_common_v1_Vector3 viamc_vec3(double x, double y, double z)
{
    viam_common_v1_Vector3 v;
    v.x = x;
    v.y = y;
    v.z = z;
    return v;
}
/*: end */
/*: needs viam.common.v1.GetReadingsResponse */

/* Begins a walk over the readings that a GetReadings brought, of a sensor, movement sensor or power sensor.
 *   readings  out: walk with viamc_struct_next; views until the next poll
 * Returns:  as viamc_call_reply; with OK no walk over them can fail. */
VIAMC_API viamc_err viamc_readings(const viamc_event *ev, viamc_fields *readings);
/*: end */
