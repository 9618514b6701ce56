# METADATA
# title: A secret is encrypted to the keys that the configuration allows
# description: |
#   Whoever adds a key to a creation rule in .sops.yaml, or to a file, can read all that is encrypted from then on,
#   and nothing fails: the other keys still decrypt it. Where the configuration has recipients, the first entry
#   whose paths match a file gives exactly the keys that it is encrypted to. A creation rule is compared with the
#   entries for the encrypted files that it matches, and where there is none yet with the entry for the path that
#   its pattern begins with. Keys of services are compared by the service alone. Let other people own the
#   configuration than the files that it protects.
# related_resources:
#   - ref: https://getsops.io/docs/#using-sops-yaml-conf-to-select-kms-pgp-and-age-for-new-files
#     description: SOPS, creation rules
# custom:
#   severity: error
#   subjects:
#     - File
#   admission: never
#   fix: Correct the keys and run "sops updatekeys" and "sops rotate", or change recipients in the configuration.
#   source:
#     - getsops/sops v3.13.2 config/config.go:570
package rules["secret-recipients-pinned"]

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": drift.field,
	"message": sprintf("%s %s, which the configuration does not allow", [subject, _quoted(drift.extra)]),
	"related": _related(drift),
} if {
	some drift in input.file.pinDrift
	count(drift.extra) > 0
	subject := _subject(drift, "the creation rule names", "the file is encrypted to")
}

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": drift.field,
	"message": sprintf("%s %s, which the configuration requires", [subject, _quoted(drift.missing)]),
	"severity": "warning",
	"related": _related(drift),
} if {
	some drift in input.file.pinDrift
	count(drift.missing) > 0
	subject := _subject(drift, "the creation rule does not name", "the file is not encrypted to")
}

_subject(drift, rule, _) := rule if drift.field[0] == "creation_rules"

_subject(drift, _, file) := file if drift.field[0] != "creation_rules"

_quoted(recipients) := concat(", ", [sprintf("%q", [recipient]) | some recipient in recipients])

_related(drift) := [{"message": "the configuration", "origin": drift.allowed} | drift.allowed.file != ""]
