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
/*: needs viam.common.v1.Pose */
/* A place in mm, an axis by where it points, and degrees about it. viamc_pose(x, y, z, 0, 0, 1, 0) is not turned. */
static inline viam_common_v1_Pose viamc_pose(double x, double y, double z, double o_x, double o_y, double o_z, double theta)
{
    viam_common_v1_Pose pose = VIAMC_ZERO;
    pose.x = x;
    pose.y = y;
    pose.z = z;
    pose.o_x = o_x;
    pose.o_y = o_y;
    pose.o_z = o_z;
    pose.theta = theta;
    return pose;
}

/*: end */
/*: needs viam.common.v1.GeoPoint */
/* A place on earth, in degrees. */
static inline viam_common_v1_GeoPoint viamc_geo_point(double latitude, double longitude)
{
    viam_common_v1_GeoPoint point = VIAMC_ZERO;
    point.latitude = latitude;
    point.longitude = longitude;
    return point;
}

/*: end */
/*: needs google.protobuf.Duration */
/* Milliseconds as a message, and back: nanoseconds are cut off, what is beyond int64_t is the last number before it. */
VIAMC_API google_protobuf_Duration viamc_duration(int64_t ms);
VIAMC_API int64_t viamc_duration_ms(const google_protobuf_Duration *duration);

/*: end */
/*: needs google.protobuf.Timestamp */
/* Milliseconds since 1970 (UTC) as a message, and back, in the same way; they are rounded down. */
VIAMC_API google_protobuf_Timestamp viamc_timestamp(int64_t unix_ms);
VIAMC_API int64_t viamc_timestamp_ms(const google_protobuf_Timestamp *timestamp);

/* Prints "2026-11-21T07:45:22.123Z" (RFC 3339), terminated; years from 1970 to 9999, others are "". Returns its length, 24 or 0. */
VIAMC_API size_t viamc_timestamp_print(const google_protobuf_Timestamp *timestamp, char text[25]);

/*: end */
/*: needs viam.common.v1.ResourceName */
/* Parses "rdk:component:motor/left". What stands before the last name, "part:other:left", belongs to the name.
 *   text  view
 * Returns:  OK; ARG (not of that form). */
VIAMC_API viamc_err viamc_resource_name_parse(viamc_str text, viam_common_v1_ResourceName *name);

/* Prints it in that form, terminated and cut to cap. Returns the octets that it needs, without the end. */
VIAMC_API size_t viamc_resource_name_print(const viam_common_v1_ResourceName *name, char *buf, size_t cap);

/*: end */
/*: needs viam.common.v1.GetReadingsResponse */
/* Begins a walk over the readings that a GetReadings brought, of a sensor, movement sensor or power sensor.
 *   readings  out: walk with viamc_struct_next; views until the next poll
 * Returns:  as viamc_call_reply, but ARG for raw calls; with OK no walk over them can fail. */
VIAMC_API viamc_err viamc_readings(const viamc_event *ev, viamc_fields *readings);
/*: end */
