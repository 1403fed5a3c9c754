import type { AnyDesc, DescFile } from "@bufbuild/protobuf";

/** Numbers of the fields of Google's descriptors, as paths of comments use them. */
const MESSAGE = 4;
const ENUM = 5;
const SERVICE = 6;
const FIELD = 2;

/** The comments of a contract: what its authors say of services, methods, messages and fields. */
export class ContractComments {
  readonly #byFile = new Map<DescFile, Map<string, string>>();

  /** The comment of something in the contract; empty for none. */
  of(subject: AnyDesc): string {
    const [file, path] = placeOf(subject);
    let comments = this.#byFile.get(file);
    if (comments === undefined) {
      const locations = file.proto.sourceCodeInfo?.location ?? [];
      comments = new Map(locations.map((location) => [location.path.join("."), location.leadingComments]));
      this.#byFile.set(file, comments);
    }
    return (comments.get(path) ?? "")
      .split("\n")
      .map((line) => line.trim())
      .join(" ")
      .trim();
  }
}

function placeOf(subject: AnyDesc): [DescFile, string] {
  switch (subject.kind) {
    case "message":
      return [subject.file, `${MESSAGE}.${subject.file.messages.indexOf(subject)}`];
    case "enum":
      return [subject.file, `${ENUM}.${subject.file.enums.indexOf(subject)}`];
    case "enum_value":
      return [subject.parent.file, `${placeOf(subject.parent)[1]}.${FIELD}.${subject.parent.values.indexOf(subject)}`];
    case "service":
      return [subject.file, `${SERVICE}.${subject.file.services.indexOf(subject)}`];
    case "rpc":
      return [subject.parent.file, `${placeOf(subject.parent)[1]}.${FIELD}.${subject.parent.methods.indexOf(subject)}`];
    case "field":
      return [subject.parent.file, `${placeOf(subject.parent)[1]}.${FIELD}.${subject.parent.fields.indexOf(subject)}`];
    case "file":
      return [subject, ""];
    case "oneof":
    case "extension":
      return [subject.kind === "oneof" ? subject.parent.file : subject.file, ""];
  }
}
