package karmada

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"
)

// Effect is what is worth saying of one instruction of an override policy on one object.
type Effect struct {
	// Field leads to the instruction, or to its path, in the policy.
	Field []any
	// Kind is one of the constants below.
	Kind EffectKind
	// Message says it, as one part of a sentence. It names fields of the object and shows no value.
	Message string
}

// EffectKind says what an instruction comes to.
type EffectKind string

// What an instruction comes to.
const (
	Fails EffectKind = "fails" // it cannot be applied: Karmada makes no copy of the object for the cluster
	Wipes EffectKind = "wipes" // it takes away more than it says
	Idle  EffectKind = "idle"  // it changes nothing
)

// Template is an object that override policies are applied to, as the Karmada API server may have
// it. The zero value is none.
type Template struct {
	object map[string]any // of the test's own: changed in place
	group  string
}

// NewTemplate copies an object. On the API server it has labels and annotations, since Karmada puts its own there.
//
// Source: karmada v1.18.2 pkg/detector/claim.go, pkg/util/binding.go.
func NewTemplate(object map[string]any) Template {
	object = copied(object).(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	for _, key := range []string{"labels", "annotations"} {
		if metadata[key] == nil {
			metadata[key] = map[string]any{}
		}
	}
	version, _ := object["apiVersion"].(string)
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	return Template{object, group}
}

// Object is the object as it has become. It must not be changed.
func (t Template) Object() map[string]any { return t.object }

// copied is a value of JSON, copied in depth.
func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(value))
		for key, entry := range value {
			c[key] = copied(entry)
		}
		return c
	case []any:
		c := make([]any, len(value))
		for i, entry := range value {
			c[i] = copied(entry)
		}
		return c
	}
	return value
}

// Apply applies the overriders of one rule, in Karmada's order, and tells what is worth saying. What fails is left out,
// and the rest applied. field leads to the overriders in the policy.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:336 (applyPolicyOverriders).
func (t Template) Apply(overriders map[string]any, field []any) []Effect {
	a := &applying{Template: t}
	of := node{overriders, field}
	for _, overrider := range of.at("imageOverrider").list() {
		a.image(overrider)
	}
	for _, of := range []node{of.at("commandOverrider"), of.at("argsOverrider")} {
		for _, overrider := range of.list() {
			a.command(overrider, strings.TrimSuffix(fmt.Sprint(of.field[len(of.field)-1]), "Overrider"))
		}
	}
	for _, key := range []string{"labels", "annotations"} {
		for _, overrider := range of.at(key + "Overrider").list() {
			a.label(overrider, key)
		}
	}
	for _, overrider := range of.at("fieldOverrider").list() {
		a.field(overrider)
	}
	for _, overrider := range of.at("plaintext").list() {
		a.plaintext(overrider)
	}
	return a.effects
}

// applying applies overriders to a template.
type applying struct {
	Template
	effects []Effect
	// unsure: an instruction that is not known may have brought what is missing.
	unsure bool
}

func (a *applying) say(kind EffectKind, at node, message string, args ...any) {
	if kind == Fails && a.unsure {
		return
	}
	a.effects = append(a.effects, Effect{Field: at.field, Kind: kind, Message: fmt.Sprintf(message, args...)})
}

// containersOf is where a kind has its containers; nil where Karmada knows no containers of it.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/imageoverride.go:53 and commandargsoverride.go:39.
func containersOf(kind string) []string {
	switch kind {
	case "Pod":
		return []string{"spec", "containers"}
	case "ReplicaSet", "Deployment", "DaemonSet", "Job", "StatefulSet":
		return []string{"spec", "template", "spec", "containers"}
	}
	return nil
}

// containers are those of the template, and their places; false where they are not known.
func (a *applying) containers() ([]node, bool) {
	root := node{value: a.object}
	kind := root.at("kind").text()
	place := containersOf(kind)
	if place == nil {
		return nil, true
	}
	at := root.at(place...)
	return at.list(), !standsIn(at.value)
}

func (a *applying) image(overrider node) {
	path := overrider.at("predicate", "path")
	if !overrider.at("predicate").there() {
		containers, known := a.containers()
		if known && len(containers) == 0 {
			a.say(Idle, overrider, "Karmada finds no image in it, since the overrider has no predicate")
		}
		return
	}
	a.pointsAtText(path)
}

// pointsAtText is for a predicate's path, which Karmada follows in a way of its own.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/imageoverride.go:131 (obtainImageValue).
func (a *applying) pointsAtText(path node) {
	if standsIn(path.value) || path.text() == "" {
		return
	}
	value, missing := a.follow(pointer("/" + strings.Trim(path.text(), "/")))
	switch _, isText := value.(string); {
	case missing != nil && !a.mayBeThere(missing):
		a.say(Fails, path, "%s", lacks(missing))
	case missing == nil && !isText && !unknown(value):
		a.say(Fails, path, "there is %s at %s and not a string", sortOf(value), path.text())
	}
}

func (a *applying) command(overrider node, what string) {
	containers, known := a.containers()
	name := overrider.at("containerName")
	if !known || standsIn(name.value) {
		return
	}
	if containersOf(node{value: a.object}.at("kind").text()) == nil {
		a.say(Idle, overrider, "Karmada knows no containers of this kind, so the %s do not change", what)
		return
	}
	for _, container := range containers {
		if of := container.at("name"); of.text() == name.text() || standsIn(of.value) {
			return
		}
	}
	if len(containers) > 0 {
		a.say(Idle, name, "no container is called %s", written(name.text()))
	}
}

// label adds, replaces or takes away labels or annotations. What is not there is left alone.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/labelannotationoverrider.go:49.
func (a *applying) label(overrider node, key string) {
	metadata, _ := a.object["metadata"].(map[string]any)
	has, _ := metadata[key].(map[string]any)
	operator, value := overrider.at("operator").text(), overrider.at("value")
	for _, name := range value.keys() {
		_, there := has[name]
		switch {
		case has == nil || standsIn(name):
		case operator == "add", operator == "replace" && there:
			has[name] = value.at(name).value
		case operator == "remove" && there:
			delete(has, name)
		case operator == "replace" && !a.mayBeThere([]string{"metadata", key, name}):
			a.say(Idle, value.at(name), "it has no %s %q to be replaced", strings.TrimSuffix(key, "s"), name)
		}
	}
}

// field changes a text that is YAML or JSON.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:410 (applyFieldOverriders).
func (a *applying) field(overrider node) {
	path := overrider.at("fieldPath")
	if standsIn(path.value) || !strings.HasPrefix(path.text(), "/") {
		return
	}
	tokens := pointer(path.text())
	value, missing := a.follow(tokens)
	text, isText := value.(string)
	switch {
	case missing != nil:
		if !a.mayBeThere(missing) {
			a.say(Fails, path, "%s", lacks(missing))
		}
		return
	case unknown(value):
		return
	case !isText:
		a.say(Fails, path, "there is %s at %s and not a string", sortOf(value), path.text())
		return
	}
	patches, form := overrider.at("yaml"), "YAML"
	document := []byte(text)
	if patches.some() {
		asJSON, err := yaml.YAMLToJSON(document)
		if err != nil {
			a.say(Fails, path, "the text at %s is not valid YAML", path.text())
			return
		}
		document = asJSON
	} else {
		patches, form = overrider.at("json"), "JSON"
	}
	if !json.Valid(document) {
		a.say(Fails, path, "the text at %s is not valid %s", path.text(), form)
		return
	}
	for _, patch := range patches.list() {
		if standsIn(patch.value) {
			return // and nothing is known of what follows
		}
		changed, err := patched(document, patch.at("operator").text(), patch.at("subPath").text(),
			patch.at("value").value)
		if err != nil {
			a.say(Fails, patch.at("subPath"), "%s cannot be applied to the text at %s",
				written(patch.at("subPath").text()), path.text())
			continue
		}
		document = changed
	}
}

// plaintext is one operation of a JSON patch.
func (a *applying) plaintext(overrider node) {
	path, operator, value := overrider.at("path"), overrider.at("operator").text(), overrider.at("value")
	tokens := pointer(path.text())
	before, missing := a.follow(tokens)
	a.unsure = a.unsure || standsIn(path.value) || standsIn(operator)
	if standsIn(path.value) || !slices.Contains([]string{"add", "remove", "replace"}, operator) ||
		missing == nil && unknown(before) {
		return
	}
	document, err := json.Marshal(a.object)
	if err != nil {
		return
	}
	changed, err := patched(document, operator, path.text(), value.value)
	if err != nil {
		switch {
		case !strings.HasPrefix(path.text(), "/"):
			a.say(Fails, path, "%s does not begin with a slash", written(path.text()))
		case missing == nil:
			a.say(Fails, path, "%s cannot be applied", written(path.text()))
		case !a.mayBeThere(missing):
			a.say(Fails, path, "%s%s", lacks(missing), unescaped(tokens, missing))
		}
		return
	}
	var object map[string]any
	if json.Unmarshal(changed, &object) != nil || object == nil {
		return
	}
	inList := false
	if len(tokens) > 0 {
		parent, _ := a.follow(tokens[:len(tokens)-1])
		_, inList = parent.([]any)
	}
	if operator == "add" && missing == nil && !inList {
		a.wiped(path, before, value.value, tokens)
	}
	clear(a.object)
	maps.Copy(a.object, object)
}

// wiped says what an added map or list takes away: to add at a place that holds one already replaces all of it.
func (a *applying) wiped(path node, before, after any, tokens []string) {
	switch before := before.(type) {
	case map[string]any:
		with, isMap := after.(map[string]any)
		var lost []string
		for _, key := range slices.Sorted(maps.Keys(before)) {
			if _, kept := with[key]; isMap && !kept {
				lost = append(lost, strconv.Quote(key))
			}
		}
		marks := len(tokens) == 2 && tokens[0] == "metadata" // of Karmada and Flux, which are always there
		if isMap && !standsIn(after) && (len(lost) > 0 || marks) {
			what := "what Karmada and Flux keep there"
			if len(lost) > 0 {
				what = strings.Join(lost[:min(3, len(lost))], ", ")
			}
			a.say(Wipes, path, "\"add\" replaces the whole map at %s, so that %s is lost", path.text(), what)
		}
	case []any:
		if with, isList := after.([]any); isList && len(before) > 0 &&
			!slices.EqualFunc(before, with[:min(len(before), len(with))], equal) {
			a.say(Wipes, path, "\"add\" replaces the whole list at %s, so that its %d entries are lost", path.text(),
				len(before))
		}
	}
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// patched is a document after one operation, by the library that Karmada uses.
func patched(document []byte, operator, path string, value any) (changed []byte, err error) {
	operation := map[string]any{"op": operator, "path": path}
	if operator != "remove" {
		operation["value"] = value
	}
	text, err := json.Marshal([]any{operation})
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the patch cannot be applied")
		}
	}()
	return patch.Apply(document)
}

// pointer are the steps of a JSON pointer.
func pointer(text string) []string {
	if text == "" {
		return nil
	}
	tokens := strings.Split(text, "/")[1:]
	for i, token := range tokens {
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens
}

// follow is what lies at the end of a pointer; else the steps to the first that is missing, that one the last. What
// leads through something that is not known is the same itself.
func (t Template) follow(tokens []string) (value any, missing []string) {
	value = t.object
	for i, token := range tokens {
		switch of := value.(type) {
		case map[string]any:
			entry, there := of[token]
			if redacted(of) {
				return of, nil
			}
			if !there || entry == nil && i+1 < len(tokens) {
				return nil, tokens[:i+1]
			}
			value = entry
		case []any:
			index, err := strconv.Atoi(token)
			if err != nil || index < 0 || index >= len(of) {
				return nil, tokens[:i+1]
			}
			value = of[index]
		case string:
			if standsIn(of) {
				return of, nil
			}
			return nil, tokens[:i+1]
		default:
			return nil, tokens[:i+1]
		}
	}
	return value, nil
}

// mayBeThere tells whether the API server may have what Git has not: what it fills in, what Karmada and Flux put there,
// a status, and of kinds that Kubernetes does not have, anything that their CRDs fill in.
//
// Source: k8s.io/kubernetes v1.36.0 pkg/apis/core/v1/defaults.go, pkg/apis/apps/v1/defaults.go,
// pkg/apis/batch/v1/defaults.go.
func (t Template) mayBeThere(missing []string) bool {
	last := missing[len(missing)-1]
	parent, _ := t.follow(missing[:len(missing)-1])
	if unknown(parent) {
		return true
	}
	if _, isList := parent.([]any); isList {
		return false
	}
	switch {
	case missing[0] == "metadata" && len(missing) > 1 && (missing[1] == "labels" || missing[1] == "annotations"):
		return len(missing) == 2 || strings.Contains(last, "karmada.io/") || strings.Contains(last, "fluxcd.io/")
	case missing[0] == "metadata" || missing[0] == "status":
		return true
	case !slices.Contains(kubernetesGroups, t.group):
		return true
	}
	return slices.Contains(filledIn, last)
}

// unknown is true for what stands in for a value, and not for what only holds such a thing.
func unknown(value any) bool {
	switch value := value.(type) {
	case string:
		return standsIn(value)
	case map[string]any:
		return redacted(value)
	}
	return false
}

var kubernetesGroups = []string{"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy",
	"rbac.authorization.k8s.io"}

// filledIn are fields to which the API server gives a value where there is none.
var filledIn = []string{
	"allocateLoadBalancerNodePorts", "apiGroup", "apiVersion", "backoffLimit", "behavior", "clusterIP", "clusterIPs",
	"completionMode",
	"completions", "concurrencyPolicy", "defaultMode", "dnsPolicy", "enableServiceLinks", "externalTrafficPolicy",
	"failedJobsHistoryLimit",
	"failureThreshold", "healthCheckNodePort", "imagePullPolicy", "internalTrafficPolicy", "ipFamilies",
	"ipFamilyPolicy",
	"manualSelector", "maxSurge", "maxUnavailable", "metadata", "metrics", "minReplicas", "mode", "nodePort",
	"optional", "parallelism",
	"partition", "pathType", "periodSeconds", "persistentVolumeClaimRetentionPolicy", "podManagementPolicy",
	"podReplacementPolicy",
	"policyTypes", "preemptionPolicy", "progressDeadlineSeconds", "protocol", "readOnly", "replicas", "requests",
	"resources",
	"restartPolicy", "revisionHistoryLimit", "rollingUpdate", "schedulerName", "scheme", "securityContext", "selector",
	"serviceAccount", "serviceAccountName", "sessionAffinity", "sessionAffinityConfig", "storageClassName", "strategy",
	"successThreshold", "successfulJobsHistoryLimit", "suspend", "targetPort", "terminationGracePeriodSeconds",
	"terminationMessagePath",
	"terminationMessagePolicy", "timeoutSeconds", "type", "updateStrategy", "volumeMode", "volumeName",
}

// lacks says what is missing.
func lacks(missing []string) string {
	last, parent := missing[len(missing)-1], "/"+strings.Join(missing[:len(missing)-1], "/")
	if _, err := strconv.Atoi(last); err == nil {
		return fmt.Sprintf("%s has no entry %s", parent, last)
	}
	if parent == "/" {
		parent = "the object"
	}
	return fmt.Sprintf("%s has no %s", parent, written(last))
}

// unescaped is a hint where a key with a slash in it is written as two steps.
func unescaped(tokens, missing []string) string {
	if i := len(missing) - 1; i > 0 && i+1 < len(tokens) && strings.Contains(missing[i], ".") &&
		(missing[i-1] == "annotations" || missing[i-1] == "labels") {
		return fmt.Sprintf(", since the slash in the key is not written as ~1 (%s)",
			strings.Trim(strings.Join(tokens[i:], "~1"), `"`))
	}
	return ""
}
