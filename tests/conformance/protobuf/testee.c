/* SPDX-License-Identifier: MIT */
/* What protobuf's conformance_test_runner tests: reads a message of the tests into its struct, with every list in it, and writes it again. Length
 * (4 octets, little-endian) and a ConformanceRequest on stdin, the same with its ConformanceResponse on stdout. JSON, text and proto2 are skipped. */
#define VIAMC_IMPLEMENTATION
#include "viamc_proto.h"
#include "../../proto/rebuild.h"

#include <stdio.h>

typedef conformance_ConformanceRequest request;
typedef conformance_ConformanceResponse response;
typedef protobuf_test_messages_proto3_TestAllTypesProto3 all_types;

static const pb_msgdesc_t *const tested = &protobuf_test_messages_proto3_TestAllTypesProto3_msg;

static viamc_bytes write_message(const pb_msgdesc_t *fields, const void *message)
{
    viamc_bytes out;
    (void)viamc_message_write(fields, message, NULL, 0, &out);
    if (viamc_message_write(fields, message, (uint8_t *)get(out.len), out.len, &out) != VIAMC_OK)
        exit(4);
    return out;
}

static void skip(response *answer, const char *why)
{
    answer->which_result = conformance_ConformanceResponse_skipped_tag;
    answer->result.skipped = viamc_text(why);
}

static void answer_request(const request *q, response *answer)
{
    static all_types message;
    if (q->which_payload != conformance_ConformanceRequest_protobuf_payload_tag)
        skip(answer, "not protobuf");
    else if (q->requested_output_format != conformance_WireFormat_PROTOBUF)
        skip(answer, "not to protobuf");
    else if (!viamc_str_eq(q->message_type, viamc_text("protobuf_test_messages.proto3.TestAllTypesProto3")))
        skip(answer, "not proto3");
    else if (viamc_message_read(tested, q->payload.protobuf_payload, &message, sizeof message) != VIAMC_OK || !rebuild(tested, &message)) {
        answer->which_result = conformance_ConformanceResponse_parse_error_tag;
        answer->result.parse_error = viamc_text("MESSAGE");
    } else {
        answer->which_result = conformance_ConformanceResponse_protobuf_payload_tag;
        answer->result.protobuf_payload = write_message(tested, &message);
    }
}

static void send_answer(const response *answer)
{
    viamc_bytes out = write_message(&conformance_ConformanceResponse_msg, answer);
    uint8_t head[4];
    size_t i;
    for (i = 0; i < sizeof head; i++)
        head[i] = (uint8_t)(out.len >> (8u * i));
    (void)fwrite(head, 1, sizeof head, stdout);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    (void)fflush(stdout);
}

int main(void)
{
    uint8_t head[4];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        uint8_t *octets = (uint8_t *)get(n);
        request q;
        response answer = VIAMC_ZERO;
        if (fread(octets, 1, n, stdin) != n || viamc_message_read(&conformance_ConformanceRequest_msg, viamc_view(octets, n), &q, sizeof q) != VIAMC_OK)
            return 3;
        if (viamc_str_eq(q.message_type, viamc_text("conformance.FailureSet"))) /* what is expected to fail: that is in a file */
            answer.which_result = conformance_ConformanceResponse_protobuf_payload_tag;
        else
            answer_request(&q, &answer);
        send_answer(&answer);
        forget();
    }
    return 0;
}
