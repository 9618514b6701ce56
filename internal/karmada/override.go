package karmada

import (
	"fmt"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// override is the spec of an override policy. What stands beside overrideRules, in the old
// form, is looked at no further.
//
// Source: karmada v1.18.2 pkg/util/validation/validation.go:400 (ValidateOverrideSpec).
func (v *validator) override(spec, namespace node, namespaced bool) {
	target, overriders, rules := spec.at("targetCluster"), spec.at("overriders"), spec.at("overrideRules")
	v.affinity(target)
	// for a namespaced policy the webhook leaves an empty list out before it looks
	if rules.some() || rules.there() && !namespaced {
		if target.there() {
			v.refuse(target.itself(), "overrideRules and targetCluster exclude each other")
		}
		for _, kind := range []string{"plaintext", "imageOverrider", "commandOverrider", "argsOverrider",
			"labelsOverrider", "annotationsOverrider"} {
			if overriders.at(kind).some() {
				v.refuse(overriders.itself(), "overrideRules and overriders exclude each other")
				break
			}
		}
	}
	for _, rule := range rules.list() {
		v.overriders(rule.at("overriders"))
		v.affinity(rule.at("targetCluster"))
	}
	v.selectors(spec.at("resourceSelectors"), namespace, namespaced)
}

func (v *validator) overriders(overriders node) {
	for _, overrider := range overriders.at("annotationsOverrider").list() {
		v.metadataValues(overrider.at("value"), apivalidation.ValidateAnnotations)
	}
	for _, overrider := range overriders.at("labelsOverrider").list() {
		v.metadataValues(overrider.at("value"), metav1validation.ValidateLabels)
	}
	for _, overrider := range overriders.at("imageOverrider").list() {
		v.pointer(overrider.at("predicate", "path"))
	}
	for _, overrider := range overriders.at("fieldOverrider").list() {
		asYAML, asJSON := overrider.at("yaml"), overrider.at("json")
		switch {
		case asYAML.some() && asJSON.some():
			v.refuse(overrider.itself(), pathOf(overrider.field)+" has both yaml and json")
		case !asYAML.some() && !asJSON.some() && v.minor >= 18:
			v.refuse(overrider.itself(), pathOf(overrider.field)+" has neither yaml nor json", asYAML, asJSON)
		}
		v.pointer(overrider.at("fieldPath"))
		for _, patch := range append(asJSON.list(), asYAML.list()...) {
			v.pointer(patch.at("subPath"))
			operator, value := patch.at("operator"), patch.at("value")
			switch name := operator.text(); {
			case (name == "add" || name == "replace") && !value.there():
				v.refuse(operator, fmt.Sprintf("%q has no value", name))
			case name == "remove" && value.there():
				v.refuse(value.itself(), "\"remove\" has a value", operator)
			}
		}
	}
}

// metadataValues are labels or annotations, each at fault alone or all together.
func (v *validator) metadataValues(values node, validate func(map[string]string, *field.Path) field.ErrorList) {
	alone := 0
	for key, text := range values.texts() {
		if errs := validate(map[string]string{key: text}, nil); len(errs) > 0 && !strings.Contains(key, "${") {
			v.refuse(values.at(key), fmt.Sprintf("%s is not valid: %s", pathOf(values.at(key).field),
				brief(errs[0].Detail)))
			alone++
		}
	}
	if errs := validate(values.texts(), nil); len(errs) > 0 && alone == 0 {
		v.refuse(values, fmt.Sprintf("%s is not valid: %s", pathOf(values.field), errs[0].Detail))
	}
}

// pointer is a JSON pointer: empty, or with a slash before each step.
//
// Source: go-openapi/jsonpointer v0.22.4 pointer.go:144.
func (v *validator) pointer(path node) {
	if text := path.text(); text != "" && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "${") {
		v.refuse(path.itself(), fmt.Sprintf("%s is %s, which is not a JSON pointer, since it begins with no slash",
			pathOf(path.field), written(text)))
	}
}
