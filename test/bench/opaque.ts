const same = (data: Buffer) => data;

/** Codecs of a gRPC method whose messages are bytes on both sides: what an exchange costs without any codec. */
export const OPAQUE = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const;
