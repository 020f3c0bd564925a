// SPDX-License-Identifier: MIT
// grpc.testing.TestService on @grpc/grpc-js: grpc_js_server.js DESCRIPTORS [CHAIN KEY]. Prints "listening on HOST:PORT".
"use strict";
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [descriptors, chain, key] = process.argv.slice(2);
const INITIAL = "x-grpc-test-echo-initial", TRAILING = "x-grpc-test-echo-trailing-bin";

const loaded = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors), { keepCase: true, defaults: true });
const service = grpc.loadPackageDefinition(loaded).grpc.testing.TestService.service;
const payload = (size) => ({ payload: { body: Buffer.alloc(size) } });

function echoMetadata(call) {
    const initial = new grpc.Metadata(), trailing = new grpc.Metadata();
    call.metadata.get(INITIAL).forEach((value) => initial.add(INITIAL, value));
    call.metadata.get(TRAILING).forEach((value) => trailing.add(TRAILING, value));
    call.sendMetadata(initial);
    return trailing;
}

function failure(request, metadata) {
    const status = request.response_status;
    return status && status.code ? { code: status.code, details: status.message, metadata } : null;
}

async function answer(call, request) {
    for (const { size, interval_us } of request.response_parameters) {
        await new Promise((resolve) => setTimeout(resolve, interval_us / 1000));
        call.write(payload(size));
    }
}

const implementation = {
    EmptyCall: (call, callback) => callback(null, {}),
    UnaryCall(call, callback) {
        const trailing = echoMetadata(call);
        callback(failure(call.request, trailing), payload(call.request.response_size), trailing);
    },
    StreamingInputCall(call, callback) {
        let size = 0;
        call.on("data", (request) => { size += request.payload.body.length; });
        call.on("end", () => callback(null, { aggregated_payload_size: size }));
    },
    async StreamingOutputCall(call) {
        await answer(call, call.request);
        call.end();
    },
    FullDuplexCall(call) {
        const trailing = echoMetadata(call);
        let last = Promise.resolve(); // answers go out in the order of their requests
        call.on("data", (request) => {
            const error = failure(request, trailing);
            last = last.then(() => error === null ? answer(call, request) : call.emit("error", error));
        });
        call.on("end", () => { last.then(() => call.end(trailing)); });
    },
};

const server = new grpc.Server();
const credentials = chain
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(chain), private_key: fs.readFileSync(key) }])
    : grpc.ServerCredentials.createInsecure();
server.addService(service, implementation);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error)
        throw error;
    console.log(`listening on 127.0.0.1:${port}`);
});
