# METADATA
# title: A manifest is readable YAML
# description: |
#   A manifest that does not parse fails the build of the whole Flux Kustomization that lists it, and so does a key that
#   occurs twice in a mapping: kustomize reads it and cannot write it. It is an error where Flux reads the file and a
#   warning elsewhere. Templates, and data that are not Kubernetes objects, need not be valid YAML.
# related_resources:
#   - ref: https://yaml.org/spec/1.2.2/
#     description: YAML 1.2
# custom:
#   severity: error
#   subjects:
#     - File
#   admission: never
#   fix: Correct the file at this place.
#   source:
#     - fluxcd/pkg kustomize/v1.39.0 kustomize_generator.go:600
#     - kubernetes-sigs/kustomize kyaml/v0.21.1 yaml/rnode.go:975
package rules["file-parses"]

violation contains {
	"origin": {"file": input.file.path, "document": -1},
	"line": problem.line,
	"column": problem.column,
	"message": problem.message,
	"severity": _severity,
} if {
	some problem in input.file.problems
	_matters(problem)
}

# What a parser cannot make sense of may make sense to the program that the data are for, unless that is Flux.
_matters(_) if input.file.class in {"manifest", "kustomization"}

# A generator takes any text, and a patch of operations is read by a parser that lets a key occur twice.
_matters(problem) if {
	count(input.file.reachedBy) > 0
	problem.kind != "duplicate-key"
}

_matters(problem) if {
	input.file.class in {"data", "text"}
	not problem.kind in {"syntax", "duplicate-key"}
}

default _severity := "warning"

_severity := "error" if count(input.file.reachedBy) > 0
