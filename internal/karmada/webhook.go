package karmada

import (
	"fmt"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// byWebhook is what karmada-webhook refuses when an object is created, after it has filled in its defaults; of a
// Cluster, what the server refuses that has it.
//
// Source: karmada v1.18.2 cmd/webhook/app/webhook.go and pkg/webhook.
func (v *validator) byWebhook(object map[string]any) {
	root := node{value: object}
	spec := root.at("spec")
	switch root.at("kind").text() {
	case "PropagationPolicy":
		v.propagation(spec, root.at("metadata", "namespace"), true)
	case "ClusterPropagationPolicy":
		v.propagation(spec, node{}, false)
	case "OverridePolicy":
		v.override(spec, root.at("metadata", "namespace"), true)
	case "ClusterOverridePolicy":
		v.override(spec, node{}, false)
	case "ClusterTaintPolicy":
		v.taintPolicy(spec)
	case "FederatedResourceQuota":
		v.quota(root)
	case "FederatedHPA":
		v.metadata(root.at("metadata"), apivalidation.NameIsDNSSubdomain)
		v.hpa(spec)
	case "CronFederatedHPA":
		v.metadata(root.at("metadata"), apivalidation.NameIsDNSSubdomain)
		v.cronHPA(spec)
	case "MultiClusterService":
		v.metadata(root.at("metadata"), apivalidation.NameIsDNS1035Label)
		v.service(spec)
	case "MultiClusterIngress":
		v.metadata(root.at("metadata"), apivalidation.NameIsDNSSubdomain)
		v.ingress(spec)
	case "ResourceInterpreterCustomization":
		v.customization(spec.at("customizations"))
	case "ResourceInterpreterWebhookConfiguration":
		v.interpreters(root.at("webhooks"))
	case "Cluster":
		v.cluster(root)
	case "Work":
		v.work(spec.at("workload", "manifests"))
	}
}

// metadata is the name, by the rule of the kind. Labels and annotations are every API server's own matter.
func (v *validator) metadata(metadata node, valid func(string, bool) []string) {
	if name := metadata.at("name"); name.some() {
		for _, message := range valid(name.text(), false) {
			v.wrong(name, message)
		}
	}
}

// wrong refuses a text that has not the form that it should have, as Kubernetes says it.
func (v *validator) wrong(at node, form string) {
	v.refuse(at, fmt.Sprintf("%s is %s: %s", pathOf(at.field), written(at.value), brief(form)))
}

// brief is what Kubernetes says of a form, without its examples.
func brief(form string) string {
	form, _, _ = strings.Cut(form, " (e.g.")
	return strings.TrimSuffix(strings.TrimSpace(form), ".")
}

// wrongs refuses a text for what Kubernetes has against it.
func (v *validator) wrongs(at node, errs field.ErrorList) {
	if len(errs) > 0 {
		v.wrong(at, errs[0].Detail)
	}
}

// propagation is the spec of a policy.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:43 (ValidatePropagationSpec), after
// pkg/webhook/propagationpolicy/mutating.go:50.
func (v *validator) propagation(spec, namespace node, namespaced bool) {
	v.placement(spec.at("placement"))
	application := spec.at("failover", "application")
	if application.there() && !spec.at("propagateDeps").truth() && !selectsServiceImport(spec.at("resourceSelectors")) {
		v.refuseAs(PropagateDeps, application, "failover.application requires propagateDeps to be true",
			spec.at("propagateDeps"))
	}
	v.applicationFailover(application)
	v.statePreservation(spec.at("failover", "cluster", "statePreservation"))
	v.selectors(spec.at("resourceSelectors"), namespace, namespaced)
	if spec.at("preemption").text() == "Always" {
		for _, selector := range spec.at("resourceSelectors").list() {
			if name := selector.at("name"); !name.some() {
				v.refuse(selector, "the policy preempts others, and this selector has no name", spec.at("preemption"))
			}
		}
	}
	suspension := spec.at("suspension")
	if suspension.at("dispatching").truth() && suspension.at("dispatchingOnClusters", "clusterNames").some() {
		v.refuse(suspension, "spec.suspension has both dispatching and dispatchingOnClusters")
	}
}

// selectsServiceImport: the webhook then turns propagateDeps on before it looks.
func selectsServiceImport(selectors node) bool {
	for _, selector := range selectors.list() {
		kind, version := selector.at("kind"), selector.at("apiVersion")
		if kind.text() == "ServiceImport" && version.text() == "multicluster.x-k8s.io/v1alpha1" ||
			standsIn(kind.value) || standsIn(version.value) {
			return true
		}
	}
	return false
}

// selectors of a namespaced policy are about its own namespace; it is the default of theirs. Before Karmada 1.17
// another one is taken, and nothing selected.
func (v *validator) selectors(selectors, namespace node, namespaced bool) {
	if !namespaced || v.minor < 17 {
		return
	}
	for _, selector := range selectors.list() {
		if of := selector.at("namespace"); of.some() && of.text() != namespace.or("default") {
			v.refuseAs(OtherNamespace, of, "a policy selects in its own namespace alone", namespace)
		}
	}
}

// placement says where objects go.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:101 (ValidatePlacement).
func (v *validator) placement(placement node) {
	affinity, affinities := placement.at("clusterAffinity"), placement.at("clusterAffinities")
	if affinity.there() && affinities.some() {
		v.refuse(affinities, "clusterAffinity and clusterAffinities exclude each other")
	}
	v.affinity(affinity)
	names := map[string]bool{}
	for _, term := range affinities.list() {
		name := term.at("affinityName")
		v.labelKey(name)
		if names[name.text()] {
			v.refuse(name, fmt.Sprintf("affinityName %q occurs twice", name.text()))
		}
		names[name.text()] = true
		v.affinity(term)
		v.overflow(term, placement.at("replicaScheduling"))
	}
	v.spread(placement.at("spreadConstraints"))
	if v.minor >= 17 {
		v.workloadAffinity(placement.at("workloadAffinity"))
	}
	if v.minor >= 18 {
		for _, toleration := range placement.at("clusterTolerations").list() {
			if operator := toleration.at("operator"); operator.text() == "Lt" || operator.text() == "Gt" {
				v.refuse(operator, fmt.Sprintf("%s is %q and not \"Exists\" or \"Equal\"", pathOf(operator.field),
					operator.text()))
			}
		}
	}
}

func (v *validator) labelKey(name node) {
	for _, message := range validation.IsQualifiedName(name.text()) {
		v.wrong(name, message)
		return
	}
}

// affinity chooses clusters by their fields in no more than three ways.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:243 (ValidatePolicyFieldSelector).
func (v *validator) affinity(affinity node) {
	for _, expression := range affinity.at("fieldSelector", "matchExpressions").list() {
		key, operator := expression.at("key"), expression.at("operator")
		if text := key.text(); text != "provider" && text != "region" && text != "zone" {
			v.refuse(key, fmt.Sprintf("%s is %s and not \"provider\", \"region\" or \"zone\"", pathOf(key.field),
				written(text)))
			return
		}
		if text := operator.text(); text != "In" && text != "NotIn" {
			v.refuse(operator, fmt.Sprintf("%s is %s and not \"In\" or \"NotIn\"", pathOf(operator.field),
				written(text)))
			return
		}
	}
}

// overflow are the tiers of an affinity, since Karmada 1.18.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:212 (ValidateOverflowAffinities), pkg/util/policy.go:31
// (IsOverflowSchedulingAllowed).
func (v *validator) overflow(term, scheduling node) {
	tiers := term.at("overflowAffinities")
	if v.minor < 18 || !tiers.some() {
		return
	}
	preference := scheduling.at("replicaDivisionPreference").text()
	byCapacity := preference == "Aggregated" || (preference == "Weighted" || preference == "") &&
		scheduling.at("weightPreference", "dynamicWeight").some()
	if !scheduling.there() || scheduling.at("replicaSchedulingType").or("Divided") != "Divided" || !byCapacity {
		v.refuse(tiers.itself(),
			"overflowAffinities are set, and the division is neither Aggregated nor by dynamicWeight", scheduling)
	}
	if !term.at("labelSelector").there() && !term.at("fieldSelector").there() && !term.at("clusterNames").some() &&
		!term.at("exclude").some() {
		v.refuse(tiers.itself(), "the affinity has overflowAffinities and selects no clusters itself")
	}
	names := map[string]bool{term.at("affinityName").text(): true}
	for _, tier := range tiers.list() {
		name := tier.at("affinityName")
		v.labelKey(name)
		if names[name.text()] {
			v.refuse(name, fmt.Sprintf("affinityName %q occurs twice", name.text()))
		}
		names[name.text()] = true
		v.affinity(tier)
	}
}

// spread constraints must not contradict each other.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:266 (ValidateSpreadConstraint), after
// pkg/util/helper/policy.go:31.
func (v *validator) spread(constraints node) {
	seen := map[string]bool{}
	for _, constraint := range constraints.list() {
		field, label := constraint.at("spreadByField"), constraint.at("spreadByLabel")
		by := field.text()
		if by == "" && !label.some() {
			by = "cluster"
		}
		if field.some() && label.some() {
			v.refuse(label, "the constraint spreads by both a field and a label", field)
		}
		least, most := constraint.at("minGroups"), constraint.at("maxGroups")
		for _, groups := range []node{least, most} {
			if n, ok := groups.number(); ok && n < 0 {
				v.refuse(groups, fmt.Sprintf("%s is %s, and the least is 0", pathOf(groups.field), written(n)))
			}
		}
		minGroups, _ := least.number()
		if minGroups == 0 {
			minGroups = 1
		}
		if maxGroups, _ := most.number(); maxGroups > 0 && maxGroups < minGroups {
			v.refuse(most, fmt.Sprintf("maxGroups %s is less than minGroups %s", written(maxGroups),
				written(minGroups)), least)
		}
		if by != "" && seen[by] {
			v.refuse(constraint, fmt.Sprintf("two constraints spread by %q", by))
		}
		if by != "" {
			seen[by] = true
		}
	}
	if len(seen) > 0 && !seen["cluster"] {
		v.refuse(constraints, "the spread by a field has no spread by cluster beside it")
	}
}

// workloadAffinity keeps workloads together or apart, since Karmada 1.17.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:145 (ValidateWorkloadAffinity).
func (v *validator) workloadAffinity(affinity node) {
	with, apart := affinity.at("affinity"), affinity.at("antiAffinity")
	for _, of := range []node{with, apart} {
		if of.there() {
			v.labelKey(of.at("groupByLabelKey"))
		}
	}
	if with.there() && apart.there() && with.at("groupByLabelKey").text() == apart.at("groupByLabelKey").text() {
		v.refuse(affinity, "affinity and antiAffinity group by the same label")
	}
}

// applicationFailover has times that go with its purge mode.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:329 (ValidateApplicationFailover), after
// pkg/util/helper/policy.go:129, which fills in gracePeriodSeconds where the mode needs it.
func (v *validator) applicationFailover(application node) {
	toleration := application.at("decisionConditions", "tolerationSeconds")
	if n, ok := toleration.number(); ok && n < 0 {
		v.refuse(toleration, fmt.Sprintf("%s is %s, and the least is 0", pathOf(toleration.field), written(n)))
	}
	if grace, mode := application.at("gracePeriodSeconds"), application.at("purgeMode"); grace.there() {
		if name := mode.or("Gracefully"); name != "Gracefully" && name != "Graciously" {
			v.refuse(grace, fmt.Sprintf("gracePeriodSeconds is set with purgeMode %q and not \"Gracefully\"", name),
				mode)
		}
		if n, ok := grace.number(); ok && n <= 0 {
			v.refuse(grace, fmt.Sprintf("%s is %s, and the least is 1", pathOf(grace.field), written(n)))
		}
	}
	v.statePreservation(application.at("statePreservation"))
}

func (v *validator) statePreservation(preservation node) {
	for _, rule := range preservation.at("rules").list() {
		alias := rule.at("aliasLabelName")
		v.wrongs(alias, metav1validation.ValidateLabelName(alias.text(), nil))
	}
}

// taintPolicy has no taint twice. Whether it may evict is a flag of the webhook, which rule
// cluster-failover-armed looks at.
//
// Source: karmada v1.18.2 pkg/webhook/clustertaintpolicy/validating.go:67.
func (v *validator) taintPolicy(spec node) {
	taints := spec.at("taints").list()
	for i, taint := range taints {
		for _, other := range taints[i+1:] {
			if taint.at("key").text() == other.at("key").text() &&
				taint.at("effect").text() == other.at("effect").text() {
				v.refuse(taint, fmt.Sprintf("two taints have key %q and effect %q", taint.at("key").text(),
					taint.at("effect").text()),
					other.at("key"), other.at("effect"))
				break
			}
		}
	}
}

// work holds objects.
//
// Source: karmada v1.18.2 pkg/webhook/work/mutating.go:60, which reads each as an object.
func (v *validator) work(manifests node) {
	for _, manifest := range manifests.list() {
		if kind := manifest.at("kind"); !kind.some() {
			v.refuse(manifest.itself(), pathOf(manifest.field)+" is not an object, since it has no kind")
		}
	}
}
