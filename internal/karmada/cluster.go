package karmada

import (
	"fmt"
	"math"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
)

// cluster is a Cluster, which karmada-aggregated-apiserver serves: no webhook sees it.
//
// Source: karmada v1.18.2 pkg/apis/cluster/validation/validation.go:61 (ValidateCluster),
// pkg/registry/cluster/strategy.go:125.
func (v *validator) cluster(root node) {
	v.clusterName(root.at("metadata", "name"))
	spec := root.at("spec")
	if mode := spec.at("syncMode"); mode.text() != "Push" && mode.text() != "Pull" {
		at := mode
		if !mode.there() {
			at = spec.itself()
		}
		v.refuse(at, fmt.Sprintf("%s is %s and not \"Push\" or \"Pull\"", pathOf(mode.field), written(mode.text())))
	}
	v.endpoint(spec.at("apiEndpoint"))
	for _, key := range []string{"secretRef", "impersonatorSecretRef"} {
		for _, part := range []string{"namespace", "name"} {
			if at := spec.at(key, part); spec.at(key).there() && at.text() == "" {
				v.refuse(at, pathOf(at.field)+" is empty")
			}
		}
	}
	if proxy := spec.at("proxyURL"); proxy.some() {
		u, err := url.Parse(proxy.text())
		if err != nil || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
			v.refuse(proxy, pathOf(proxy.field)+" is not an address with http, https or socks5")
		}
	}
	zones := spec.at("zones")
	values := append([]node{spec.at("provider"), spec.at("region"), spec.at("zone")}, zones.list()...)
	if spec.at("zone").some() && zones.some() {
		v.refuse(zones.itself(), "zone and zones exclude each other", spec.at("zone"))
		values = values[:2]
	}
	for _, value := range values {
		if errs := validation.IsValidLabelValue(value.text()); len(errs) > 0 {
			v.wrong(value, errs[0])
		}
	}
	v.clusterTaints(spec.at("taints"))
	v.models(spec.at("resourceModels"))
}

func (v *validator) endpoint(endpoint node) {
	if !endpoint.some() {
		return
	}
	u, err := url.Parse(endpoint.text())
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		v.refuse(endpoint, pathOf(endpoint.field)+" is not an address such as https://HOST:PORT")
	}
}

// clusterTaints are the taints of a Cluster.
//
// Source: karmada v1.18.2 pkg/util/lifted/validateclustertaints.go:58 (ValidateClusterTaints).
func (v *validator) clusterTaints(taints node) {
	seen := map[string]bool{}
	for _, taint := range taints.list() {
		key, effect, value := taint.at("key"), taint.at("effect"), taint.at("value")
		v.wrongs(key, metav1validation.ValidateLabelName(key.text(), nil))
		if errs := validation.IsValidLabelValue(value.text()); len(errs) > 0 {
			v.wrong(value, errs[0])
		}
		if effect.text() != "NoSchedule" && effect.text() != "NoExecute" {
			v.refuse(effect, fmt.Sprintf("%s is %s and not \"NoSchedule\" or \"NoExecute\"", pathOf(effect.field),
				written(effect.text())))
		}
		id := effect.text() + " " + key.text()
		if seen[id] {
			v.refuse(taint.itself(), fmt.Sprintf("two taints have key %q and effect %q", key.text(), effect.text()),
				key, effect)
		}
		seen[id] = true
	}
}

// models are grades of nodes, each beginning where the one before ends. The first begins at 0 and the last has no end,
// whatever they say. Where one ends and the next begins is to be written in the same way.
//
// Source: karmada v1.18.2 pkg/apis/cluster/validation/validation.go:206 (ValidateClusterResourceModels), after
// pkg/apis/cluster/mutation/mutation.go (StandardizeClusterResourceModels).
func (v *validator) models(models node) {
	list := models.list()
	grade := func(n node) int { g, _ := n.at("grade").number(); return int(g) }
	slices.SortStableFunc(list, func(a, b node) int { return grade(a) - grade(b) })
	for i, model := range list {
		ranges, before := model.at("ranges").list(), []node(nil)
		if i > 0 {
			before = list[i-1].at("ranges").list()
		}
		switch {
		case i > 0 && grade(model) == grade(list[i-1]):
			v.refuse(models, fmt.Sprintf("two resource models have grade %d", grade(model)))
			return
		case i > 0 && len(before) != len(ranges):
			v.refuse(models, "the resource models are not of the same resources")
			return
		}
		for j, of := range ranges {
			least, _ := quantity(of.at("min").value)
			most, _ := quantity(of.at("max").value)
			if i == 0 {
				least = resource.Quantity{}
			}
			why := ""
			switch {
			case i < len(list)-1 && most.Cmp(least) <= 0 || i == len(list)-1 && least.Value() == math.MaxInt64:
				why = "a resource model ends before it begins"
			case i == 0:
			case of.at("name").text() != before[j].at("name").text():
				why = "the resource models are not of the same resources"
			default:
				if end, _ := quantity(before[j].at("max").value); end != least {
					why = "a resource model does not begin where the one before ends"
				}
			}
			if why != "" {
				v.refuse(models, why)
				return
			}
		}
	}
}
