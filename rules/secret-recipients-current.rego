# METADATA
# title: A secret is encrypted to the keys that its creation rule names
# description: |
#   SOPS reads .sops.yaml when it encrypts a new file, and not when it edits one. So a file that was copied from
#   another cluster's folder stays encrypted to that cluster's key, and Flux cannot decrypt it; a key that was added
#   to the rule cannot decrypt older files; and a key that was removed from the rule still can. Nothing shows this
#   before Flux tries. "sops updatekeys" updates a file, for somebody who can decrypt it; also replace the secrets
#   that a lost key could read.
#
#   SOPS uses the nearest .sops.yaml at or above the folder that it is called in. The rule accepts a file where any
#   .sops.yaml above it has a creation rule with its recipients. Keys of cloud services are compared by the service
#   alone, and nothing is reported where a creation rule names no key. A file that Flux reads and that no creation rule
#   matches is missed when keys are changed.
# related_resources:
#   - ref: https://getsops.io/docs/#updatekeys-command
#     description: SOPS, updatekeys
#   - ref: https://github.com/getsops/sops/issues/1994
#     description: Wanted, a check that the keys of all files are up to date
# custom:
#   severity: warning
#   subjects:
#     - File
#   admission: never
#   fix: Run "sops updatekeys" on the file, or correct the creation rule.
#   source:
#     - getsops/sops v3.13.2 config/config.go:570
#     - getsops/sops v3.13.2 cmd/sops/common/common.go:417
package rules["secret-recipients-current"]

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("the file is not encrypted to %s, which its creation rule names", [_named(drift.missing)]),
	"severity": _severity,
	"related": [{"message": "the creation rule", "origin": drift.rule}],
} if {
	some drift in input.file.keyDrift
	count(drift.missing) > 0
}

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("the file is encrypted to %s, which its creation rule does not name", [_named(drift.extra)]),
	"severity": "info",
	"related": [{"message": "the creation rule", "origin": drift.rule}],
} if {
	some drift in input.file.keyDrift
	count(drift.missing) == 0
	count(drift.extra) > 0
}

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("%q has no creation rule for the file, so \"sops updatekeys\" fails on it", [drift.rule.file]),
	"severity": "info",
	"fix": "Add a creation rule that matches the file.",
} if {
	count(input.file.reachedBy) > 0
	some drift in input.file.keyDrift
	count(drift.missing) + count(drift.extra) == 0
}

# What Flux does not read it need not decrypt.
default _severity := "info"

_severity := "warning" if count(input.file.reachedBy) > 0

_named(recipients) := concat(" and ", [sprintf("%q", [recipient]) | some recipient in recipients]) if {
	count(recipients) < 3
} else := sprintf("%q and %d more", [recipients[0], count(recipients) - 1])
