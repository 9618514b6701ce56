package karmada

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// quota is a FederatedResourceQuota.
//
// Source: karmada v1.18.2 pkg/webhook/federatedresourcequota/validating.go:73.
func (v *validator) quota(root node) {
	if name := root.at("metadata", "name"); len(name.text()) > validation.DNS1123LabelMaxLength {
		v.refuse(name, fmt.Sprintf("the name has %d characters, and the most is %d", len(name.text()),
			validation.DNS1123LabelMaxLength))
	}
	overall, assignments := root.at("spec", "overall"), root.at("spec", "staticAssignments")
	v.resources(overall)
	assigned, known := map[string]resource.Quantity{}, true
	for _, assignment := range assignments.list() {
		v.clusterName(assignment.at("clusterName"))
		hard := assignment.at("hard")
		v.resources(hard)
		for _, key := range hard.keys() {
			if !overall.at(key).there() {
				v.refuse(hard.at(key), fmt.Sprintf("%q is assigned, and spec.overall does not have it", key), overall)
			}
			q, ok := quantity(hard.at(key).value)
			known = known && ok
			sum := assigned[key]
			sum.Add(q)
			assigned[key] = sum
		}
	}
	for _, key := range overall.keys() {
		q, ok := quantity(overall.at(key).value)
		if sum := assigned[key]; ok && known && q.Cmp(sum) < 0 {
			v.refuse(overall.at(key), fmt.Sprintf("%s is %s, and %s of it are assigned", pathOf(overall.at(key).field),
				q.String(), sum.String()))
		}
	}
}

// quantity reads an amount; false where it is none, or not known.
func quantity(value any) (resource.Quantity, bool) {
	text, ok := value.(string)
	if n, isNumber := numberOf(value); isNumber {
		text, ok = written(n), true
	}
	if !ok || standsIn(text) {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}

// quotas are what a quota may be of, beside names with a prefix; counts are those of them that are whole numbers.
//
// Source: karmada v1.18.2 pkg/util/lifted/corehelpers.go:45 and 110.
var quotas = append([]string{
	"cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage",
	"requests.ephemeral-storage",
	"limits.cpu", "limits.memory", "limits.ephemeral-storage",
}, counts...)

var counts = []string{
	"pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
	"services.nodeports", "services.loadbalancers",
}

// resources are amounts by the names of resources.
//
// Source: karmada v1.18.2 pkg/util/lifted/corevalidation.go:93 (ValidateResourceQuotaResourceName) and 108
// (ValidateResourceQuantityValue).
func (v *validator) resources(list node) {
	for _, key := range list.keys() {
		at := list.at(key)
		if standsIn(key) {
			continue
		}
		hugePages := strings.HasPrefix(key, "hugepages-") || strings.HasPrefix(key, "requests.hugepages-")
		if errs := validation.IsQualifiedName(key); len(errs) > 0 {
			v.refuse(at, fmt.Sprintf("%q is not the name of a resource: %s", key, brief(errs[0])))
		} else if !strings.Contains(key, "/") && !slices.Contains(quotas, key) && !hugePages {
			v.refuse(at, fmt.Sprintf("%q is not a resource that a quota can limit", key))
		}
		q, ok := quantity(at.value)
		switch {
		case !ok:
		case q.Sign() < 0:
			v.refuse(at, fmt.Sprintf("%s is %s, and the least is 0", pathOf(at.field), q.String()))
		case (slices.Contains(counts, key) || isExtended(key)) && q.MilliValue()%1000 != 0:
			v.refuse(at, fmt.Sprintf("%s is %s, and %q is counted in whole numbers", pathOf(at.field), q.String(), key))
		}
	}
}

// isExtended is true for the name of a resource that Kubernetes itself has not.
//
// Source: karmada v1.18.2 pkg/util/lifted/corev1helpers.go:39 (IsExtendedResourceName).
func isExtended(key string) bool {
	return strings.Contains(key, "/") && !strings.Contains(key, "kubernetes.io/") &&
		!strings.HasPrefix(key, "requests.") &&
		len(validation.IsQualifiedName("requests."+key)) == 0
}

// clusterName is the name of a member.
//
// Source: karmada v1.18.2 pkg/apis/cluster/validation/validation.go:45 (ValidateClusterName).
func (v *validator) clusterName(name node) {
	const most = 48
	switch text := name.text(); {
	case text == "":
		v.refuse(name, pathOf(name.field)+" is empty")
	case len(text) > most:
		v.refuse(name, fmt.Sprintf("%s has %d characters, and the most is %d", pathOf(name.field), len(text), most))
	default:
		if errs := validation.IsDNS1123Label(text); len(errs) > 0 {
			v.wrong(name, errs[0])
		}
	}
}
