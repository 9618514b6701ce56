package karmada

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
	"k8s.io/apimachinery/pkg/util/validation"
)

// operations of a ResourceInterpreterCustomization, each with a script of its own.
//
// Source: karmada v1.18.2 pkg/util/interpreter/rule.go:31.
var operations = []string{"retention", "replicaResource", "componentResource", "replicaRevision", "statusReflection",
	"statusAggregation",
	"healthInterpretation", "dependencyInterpretation"}

// customization has scripts that are Lua.
//
// Source: karmada v1.18.2 pkg/webhook/resourceinterpretercustomization/helper.go:48 (checkCustomizationsRule).
func (v *validator) customization(customizations node) {
	for _, operation := range operations {
		script := customizations.at(operation, "luaScript")
		if why := luaFault(script.text()); why != "" {
			v.refuse(script, fmt.Sprintf("%s is not valid Lua: %s", pathOf(script.field), why))
		}
	}
}

// maxScript is how long a script is read, in bytes; what a longer one holds is not known.
const maxScript = 1 << 16

// luaLine finds the line in an error of the parser and in one of the compiler. Either quotes the
// script, which is not shown.
var luaLine = regexp.MustCompile(`line:(\d+)`)

// luaFault is what is wrong with a script, empty where nothing is.
func luaFault(script string) (why string) {
	if script == "" || len(script) > maxScript {
		return ""
	}
	defer func() {
		if recover() != nil {
			why = ""
		}
	}()
	chunk, err := parse.Parse(strings.NewReader(script), "<string>")
	if err == nil {
		_, err = lua.Compile(chunk, "<string>")
	}
	if err == nil {
		return ""
	}
	switch line := luaLine.FindStringSubmatch(err.Error()); {
	case line != nil:
		return "it does not parse at line " + line[1]
	case strings.Contains(err.Error(), "EOF"):
		return "it ends before it is complete"
	}
	return "it does not parse"
}

// supported are the operations that a webhook may be asked for.
//
// Source: karmada v1.18.2 pkg/webhook/configuration/validating.go:69.
var supported = []string{"*", "AggregateStatus", "InterpretComponent", "InterpretDependency", "InterpretHealth",
	"InterpretReplica",
	"InterpretStatus", "Retain", "ReviseReplica"}

// interpreters are the webhooks of a ResourceInterpreterWebhookConfiguration.
//
// Source: karmada v1.18.2 pkg/webhook/configuration/validating.go:82 (validateWebhook) and helper.go:31 (validateRule).
func (v *validator) interpreters(hooks node) {
	names := map[string]bool{}
	for _, hook := range hooks.list() {
		name := hook.at("name")
		v.wrongs(name, validation.IsFullyQualifiedDomainName(nil, name.text()))
		if names[name.text()] {
			v.refuse(name, fmt.Sprintf("two webhooks are called %s", written(name.text())))
		}
		names[name.text()] = true
		for _, rule := range hook.at("rules").list() {
			v.interpreterRule(rule)
		}
		if seconds := hook.at("timeoutSeconds"); seconds.there() {
			if n, ok := seconds.number(); ok && (n < 1 || n > 30) {
				v.refuse(seconds, fmt.Sprintf("%s is %s and not 1 to 30", pathOf(seconds.field), written(n)))
			}
		}
		v.clientConfig(hook.at("clientConfig"))
		v.contextVersions(hook.at("interpreterContextVersions"))
	}
}

func (v *validator) interpreterRule(rule node) {
	for _, key := range []string{"operations", "apiGroups", "apiVersions", "kinds"} {
		list := rule.at(key)
		entries := list.list()
		if len(entries) == 0 {
			v.refuse(list, pathOf(list.field)+" is empty")
		}
		for _, entry := range entries {
			switch {
			case entry.text() == "*" && len(entries) > 1:
				v.refuse(entry, fmt.Sprintf("%s has \"*\" and something else", pathOf(list.field)))
			case key == "operations" && !slices.Contains(supported, entry.text()):
				v.refuse(entry, fmt.Sprintf("%s is %s and not %s", pathOf(entry.field), written(entry.text()),
					oneOf(supported)))
			case key != "apiGroups" && entry.text() == "": // the core group has no name
				v.refuse(entry, pathOf(entry.field)+" is empty")
			}
		}
	}
}

func (v *validator) clientConfig(config node) {
	address, service := config.at("url"), config.at("service")
	switch {
	case address.there() == service.there():
		v.refuse(config, pathOf(config.field)+" has both a url and a service, or neither")
	case address.there():
		v.address(address)
	default:
		for _, key := range []string{"name", "namespace"} {
			if at := service.at(key); at.text() == "" {
				v.refuse(at, pathOf(at.field)+" is empty")
			}
		}
		if port := service.at("port"); port.there() {
			v.port(port)
		}
		v.servicePath(service.at("path"))
	}
}

// servicePath is the path at a Service.
//
// Source: k8s.io/apiserver v0.36.4 pkg/util/webhook/validation.go:64 (ValidateWebhookService).
func (v *validator) servicePath(path node) {
	text := path.text()
	if text == "" || text == "/" {
		return
	}
	steps := strings.Split(strings.TrimSuffix(text[1:], "/"), "/")
	bad := slices.ContainsFunc(steps, func(step string) bool { return len(validation.IsDNS1123Subdomain(step)) > 0 })
	if bad || !strings.HasPrefix(text, "/") {
		v.refuse(path, fmt.Sprintf("%s is %s, which is not a path of lowercase names", pathOf(path.field),
			written(text)))
	}
}

func (v *validator) contextVersions(versions node) {
	seen := map[string]bool{}
	for _, version := range versions.list() {
		if errs := validation.IsDNS1035Label(version.text()); len(errs) > 0 {
			v.wrong(version, errs[0])
		}
		if seen[version.text()] {
			v.refuse(version, fmt.Sprintf("%s occurs twice", written(version.text())))
		}
		seen[version.text()] = true
	}
	if !seen["v1alpha1"] {
		v.refuse(versions, pathOf(versions.field)+" lacks \"v1alpha1\"")
	}
}
