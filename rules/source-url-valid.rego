# METADATA
# title: The address of a source is one that its kind takes
# description: |
#   A HelmRepository of an OCI registry is of type oci, and only that: otherwise Flux says URLInvalid and finds no
#   chart. An OCIRepository begins with oci:// and has its tag in spec.ref, a GitRepository begins with https:// or
#   ssh:// and has a slash behind the host, unlike what git clone takes, and the endpoint of a Bucket has no scheme.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/source/helmrepositories/#type
#     description: HelmRepository, type
#   - ref: https://fluxcd.io/flux/components/source/gitrepositories/#url
#     description: GitRepository, URL
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Bucket.source.toolkit.fluxcd.io
#     - GitRepository.source.toolkit.fluxcd.io
#     - HelmRepository.source.toolkit.fluxcd.io
#     - OCIRepository.source.toolkit.fluxcd.io
#   fix: Correct the address, or the type.
#   source:
#     - fluxcd/source-controller v1.9.6 internal/controller/helmrepository_controller.go:398
#     - fluxcd/source-controller v1.9.6 internal/controller/helmchart_controller.go:551
#     - fluxcd/source-controller v1.9.6 internal/controller/ocirepository_controller.go:870
#     - fluxcd/source-controller api/v1.9.6 v1/gitrepository_types.go:87
package rules["source-url-valid"]

import data.lib.references

violation contains object.union({"field": ["spec", _field], "message": fault.message}, object.filter(fault, ["edits"])) if {
	references.judged
	not contains(_url, "$")
	some fault in _faults
}

_field := "endpoint" if {
	input.object.kind == "Bucket"
} else := "url"

_url := input.object.spec[_field]

_type := object.get(input.object.spec, "type", "default")

_faults contains {
	"message": "the address begins with oci:// and spec.type is not \"oci\", so Flux refuses it",
	"edits": [{"field": ["spec", "type"], "value": "oci"}],
} if {
	input.object.kind == "HelmRepository"
	startswith(_url, "oci://")
	_type == "default"
}

_faults contains {"message": "spec.type is \"oci\" and the address does not begin with oci://"} if {
	input.object.kind == "HelmRepository"
	_type == "oci"
	not startswith(_url, "oci://")
}

_faults contains {"message": "the address of the HelmRepository begins with none of https://, http:// and oci://"} if {
	input.object.kind == "HelmRepository"
	_type == "default"
	not regex.match(`^(https?|oci)://`, _url)
	_address
}

_faults contains {"message": "the address of the OCIRepository does not begin with oci://"} if {
	input.object.kind == "OCIRepository"
	not startswith(_url, "oci://")
	_address
}

_faults contains {"message": "the address of the OCIRepository has a tag or a digest, which belongs in spec.ref"} if {
	input.object.kind == "OCIRepository"
	regex.match(`^oci://[^/]+/.*[:@]`, _url)
}

_faults contains {"message": "the address of the GitRepository begins with none of https://, http:// and ssh://"} if {
	input.object.kind == "GitRepository"
	not regex.match(`^(https?|ssh)://`, _url)
	_address
}

# What has neither a scheme nor a host is put in before it is applied.
_address if regex.match(`^([a-z][a-z0-9+-]*://|([^/]*@)?[^/@]+\.[a-z]+[:/])`, _url)

_faults contains {"message": "what stands behind the colon of the ssh:// address is no port"} if {
	input.object.kind == "GitRepository"
	regex.match(`^ssh://[^/:]+:[^/0-9]`, _url)
}

_faults contains {"message": "the endpoint of the Bucket has a scheme, and Flux takes host and port alone"} if {
	input.object.kind == "Bucket"
	object.get(input.object.spec, "provider", "generic") in {"aws", "generic"}
	regex.match(`^[a-z]+://`, _url)
}
