package karmada

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // whatever the machine has: karmada-webhook's image has them all

	"github.com/adhocore/gronx"
	"k8s.io/apimachinery/pkg/util/validation"
)

// hpa is the spec of a FederatedHPA.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingfhpa.go:66 (validateFederatedHPASpec), after
// pkg/util/lifted/federatedhpa.go (SetDefaultsFederatedHPA).
func (v *validator) hpa(spec node) {
	least, most := spec.at("minReplicas"), spec.at("maxReplicas")
	minReplicas, given := least.number()
	if given && minReplicas < 1 {
		v.refuse(least, fmt.Sprintf("%s is %s, and the least is 1", pathOf(least.field), written(minReplicas)))
	}
	if !given {
		minReplicas = 1
	}
	if maxReplicas, ok := most.number(); ok && maxReplicas < 1 {
		v.refuse(most, fmt.Sprintf("%s is %s, and the least is 1", pathOf(most.field), written(maxReplicas)))
	} else if ok && maxReplicas < minReplicas {
		v.refuse(most, fmt.Sprintf("maxReplicas %s is less than minReplicas %s", written(maxReplicas),
			written(minReplicas)), least)
	}
	v.target(spec.at("scaleTargetRef"))
	for _, metric := range spec.at("metrics").list() {
		v.metric(metric)
	}
	for _, direction := range []string{"scaleUp", "scaleDown"} {
		v.scaling(spec.at("behavior", direction))
	}
}

// target is what is scaled, or what a metric is of.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingfhpa.go:93 (ValidateCrossVersionObjectReference).
func (v *validator) target(ref node) {
	for _, key := range []string{"kind", "name"} {
		v.segment(ref.at(key))
	}
}

// segment is a name that stands between the slashes of an address.
//
// Source: k8s.io/apimachinery v0.36.4 pkg/api/validate/content/path.go:37 (IsPathSegmentName).
func (v *validator) segment(name node) {
	switch text := name.text(); {
	case text == "":
		v.refuse(name, pathOf(name.field)+" is empty")
	case text == "." || text == ".." || strings.ContainsAny(text, "/%"):
		v.wrong(name, "it may not be \".\" or \"..\" and has neither \"/\" nor \"%\"")
	}
}

// sources are the fields of a metric that say where it is from, in the order in which they are looked at, and
// the types that they go with.
var sources = []struct{ field, of string }{{"object", "Object"}, {"pods", "Pods"}, {"resource", "Resource"},
	{"containerResource", "ContainerResource"}}

// metric is one that a FederatedHPA scales by.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingfhpa.go:213 (validateMetricSpec).
func (v *validator) metric(metric node) {
	kind, wanted, present := metric.at("type"), "", []string{}
	for _, source := range sources {
		if source.of == kind.text() {
			wanted = source.field
		}
		if metric.at(source.field).there() {
			present = append(present, source.field)
		}
	}
	if wanted == "" {
		v.refuse(kind, fmt.Sprintf("%s is %s and not \"Object\", \"Pods\", \"Resource\" or \"ContainerResource\"",
			pathOf(kind.field), written(kind.text())))
		return
	}
	if !metric.at(wanted).there() {
		v.refuse(kind, fmt.Sprintf("the metric of type %q has no %q", kind.text(), wanted), metric.at(wanted))
	}
	for _, other := range present {
		if other != wanted {
			v.refuse(metric.at(other).itself(), fmt.Sprintf(
				"the metric of type %q has %q, which is for another type", kind.text(), other), kind)
		}
	}
	if len(present) == 0 {
		return
	}
	of := metric.at(present[0])
	switch goal := of.at("target"); present[0] {
	case "object":
		v.target(of.at("describedObject"))
		v.segment(of.at("metric", "name"))
		v.goal(goal)
		if !goal.at("value").there() && !goal.at("averageValue").there() {
			v.refuse(goal, pathOf(goal.field)+" has neither value nor averageValue")
		}
	case "pods":
		v.segment(of.at("metric", "name"))
		v.goal(goal)
		if !goal.at("averageValue").there() {
			v.refuse(goal, pathOf(goal.field)+" has no averageValue")
		}
	case "resource", "containerResource":
		v.resourceMetric(of, present[0] == "containerResource")
		v.goal(goal)
		asShare, asValue := goal.at("averageUtilization").there(), goal.at("averageValue").there()
		switch {
		case !asShare && !asValue:
			v.refuse(goal, pathOf(goal.field)+" has neither averageUtilization nor averageValue")
		case asShare && asValue:
			v.refuse(goal, pathOf(goal.field)+" has both averageUtilization and averageValue")
		}
	}
}

func (v *validator) resourceMetric(of node, ofContainer bool) {
	name := of.at("name")
	if name.text() == "" {
		v.refuse(name, pathOf(name.field)+" is empty")
	} else if ofContainer {
		v.containerResource(name)
	}
	if container := of.at("container"); ofContainer && container.text() == "" {
		v.refuse(container, pathOf(container.field)+" is empty")
	} else if errs := validation.IsDNS1123Label(container.text()); ofContainer && len(errs) > 0 {
		v.wrong(container, errs[0])
	}
}

// containerResource is the name of a resource of containers.
//
// Source: karmada v1.18.2 pkg/util/lifted/corehelpers.go:130 (ValidateContainerResourceName).
func (v *validator) containerResource(name node) {
	text := name.text()
	standard := []string{"cpu", "memory", "ephemeral-storage"}
	if errs := validation.IsQualifiedName(text); len(errs) > 0 {
		v.wrong(name, errs[0])
		return
	}
	known := slices.Contains(standard, text) || strings.HasPrefix(text, "hugepages-")
	if strings.Contains(text, "/") {
		known = strings.Contains(text, "kubernetes.io/") || isExtended(text)
	}
	if !known {
		v.refuse(name, fmt.Sprintf("%s is %q, which is not a resource of containers", pathOf(name.field), text))
	}
}

// goal is what a metric is to be.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingfhpa.go:386 (validateMetricTarget).
func (v *validator) goal(goal node) {
	if kind := goal.at("type"); !slices.Contains([]string{"Utilization", "Value", "AverageValue"}, kind.text()) {
		v.refuse(kind, fmt.Sprintf("%s is %s and not \"Utilization\", \"Value\" or \"AverageValue\"",
			pathOf(kind.field), written(kind.text())))
	}
	for _, key := range []string{"value", "averageValue"} {
		if q, ok := quantity(goal.at(key).value); ok && q.Sign() != 1 {
			v.refuse(goal.at(key), fmt.Sprintf("%s is %s, which is not more than 0", pathOf(goal.at(key).field),
				q.String()))
		}
	}
	if share := goal.at("averageUtilization"); share.there() {
		if n, ok := share.number(); ok && n < 1 {
			v.refuse(share, fmt.Sprintf("%s is %s, and the least is 1", pathOf(share.field), written(n)))
		}
	}
}

// scaling is how fast replicas are added or taken away.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingfhpa.go:164 (validateScalingRules) and 196 (validateScalingPolicy).
func (v *validator) scaling(rules node) {
	between := func(at node, least, most float64) {
		if n, ok := at.number(); ok && (n < least || n > most) {
			v.refuse(at, fmt.Sprintf("%s is %s and not %s to %s", pathOf(at.field), written(n), written(least),
				written(most)))
		}
	}
	between(rules.at("stabilizationWindowSeconds"), 0, 3600)
	oneOfThese := func(at node, names ...string) {
		if !slices.Contains(names, at.text()) {
			v.refuse(at, fmt.Sprintf("%s is %s and not %s", pathOf(at.field), written(at.text()), oneOf(names)))
		}
	}
	if choice := rules.at("selectPolicy"); choice.there() {
		oneOfThese(choice, "Disabled", "Max", "Min")
	}
	policies := rules.at("policies")
	if policies.there() && !policies.some() {
		v.refuse(policies, pathOf(policies.field)+" is empty")
	}
	for _, policy := range policies.list() {
		oneOfThese(policy.at("type"), "Percent", "Pods")
		between(policy.at("value"), 1, 1<<31-1)
		between(policy.at("periodSeconds"), 1, 1800)
	}
}

// cronHPA is the spec of a CronFederatedHPA.
//
// Source: karmada v1.18.2 pkg/webhook/cronfederatedhpa/validating.go:73.
func (v *validator) cronHPA(spec node) {
	target := spec.at("scaleTargetRef")
	scalesHPA := target.at("apiVersion").text() == "autoscaling.karmada.io/v1alpha1"
	if kind := target.at("kind"); scalesHPA && kind.text() != "FederatedHPA" {
		v.refuse(kind, fmt.Sprintf("%s is %s, and a CronFederatedHPA scales only a FederatedHPA of this API",
			pathOf(kind.field), written(kind.text())), target.at("apiVersion"))
		return
	}
	v.target(target)
	names := map[string]bool{}
	for _, rule := range spec.at("rules").list() {
		name, schedule, zone := rule.at("name"), rule.at("schedule"), rule.at("timeZone")
		if names[name.text()] {
			v.refuse(name, fmt.Sprintf("two rules are called %s", written(name.text())))
		}
		names[name.text()] = true
		if !isSchedule(schedule.text()) {
			v.refuse(schedule, fmt.Sprintf("%s is %s, which is not a cron schedule", pathOf(schedule.field),
				written(schedule.text())))
		}
		if _, err := time.LoadLocation(zone.text()); err != nil {
			v.refuse(zone, fmt.Sprintf("%s is %s, which is not a known time zone", pathOf(zone.field),
				written(zone.text())))
		}
		v.cronReplicas(rule, target, scalesHPA)
	}
}

// isSchedule asks the library that Karmada asks. It reads no text longer than any that means something.
func isSchedule(text string) (valid bool) {
	defer func() {
		if recover() != nil {
			valid = true // then nothing is known
		}
	}()
	cron := gronx.New()
	return len(text) > 1<<10 || cron.IsValid(text)
}

func (v *validator) cronReplicas(rule, target node, scalesHPA bool) {
	replicas := rule.at("targetReplicas")
	if !scalesHPA {
		if n, ok := replicas.number(); ok && n < 0 {
			v.refuse(replicas, fmt.Sprintf("%s is %s, and the least is 0", pathOf(replicas.field), written(n)))
		} else if !replicas.there() {
			v.refuse(rule.itself(), pathOf(rule.field)+" has no targetReplicas", target.at("apiVersion"),
				target.at("kind"))
		}
		return
	}
	least, most := rule.at("targetMinReplicas"), rule.at("targetMaxReplicas")
	if !least.there() && !most.there() {
		v.refuse(rule.itself(), pathOf(rule.field)+" has neither targetMinReplicas nor targetMaxReplicas")
	}
	for _, at := range []node{least, most} {
		if n, ok := at.number(); ok && n <= 0 {
			v.refuse(at, fmt.Sprintf("%s is %s, and the least is 1", pathOf(at.field), written(n)))
		}
	}
	n, _ := least.number()
	if !least.there() {
		n = 1
	}
	if m, ok := most.number(); ok && n > m {
		v.refuse(least, fmt.Sprintf("targetMinReplicas %s is more than targetMaxReplicas %s", written(n), written(m)),
			most)
	}
}
