package karmada

import (
	"fmt"
	"net/url"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	netutils "k8s.io/utils/net"
)

// service is the spec of a MultiClusterService.
//
// Source: karmada v1.18.2 pkg/webhook/multiclusterservice/validating.go:100.
func (v *validator) service(spec node) {
	names := map[string]bool{}
	for _, port := range spec.at("ports").list() {
		name, number := port.at("name"), port.at("port")
		if name.some() {
			if errs := validation.IsDNS1123Label(name.text()); len(errs) > 0 {
				v.wrong(name, errs[0])
			}
			if names[name.text()] {
				v.refuse(name, fmt.Sprintf("two ports are called %q", name.text()))
			}
			names[name.text()] = true
		}
		v.port(number)
	}
	types := spec.at("types")
	kinds := map[string]bool{}
	for _, kind := range types.list() {
		kinds[kind.text()] = true
		if text := kind.text(); text != "CrossCluster" && text != "LoadBalancer" {
			v.refuse(kind, fmt.Sprintf("%s is %s and not \"CrossCluster\" or \"LoadBalancer\"", pathOf(kind.field),
				written(text)))
		}
	}
	if len(kinds) > 1 {
		v.refuse(types, "spec.types has more than one type")
	}
	for _, clusters := range []node{spec.at("providerClusters"), spec.at("consumerClusters")} {
		for _, cluster := range clusters.list() {
			v.clusterName(cluster.at("name"))
		}
	}
}

func (v *validator) port(number node) {
	n, _ := number.number()
	if len(validation.IsValidPortNum(int(n))) > 0 {
		v.refuse(number, fmt.Sprintf("%s is %s and not 1 to 65535", pathOf(number.field), written(n)))
	}
}

// ingress is the spec of a MultiClusterIngress.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingmci.go:49 (ValidateIngressSpec).
func (v *validator) ingress(spec node) {
	backend, rules := spec.at("defaultBackend"), spec.at("rules")
	if !backend.there() && !rules.some() {
		v.refuse(spec, "the spec has neither rules nor a defaultBackend")
	}
	if backend.there() {
		v.backend(backend)
	}
	for _, rule := range rules.list() {
		v.host(rule.at("host"), true)
		paths := rule.at("http", "paths")
		if rule.at("http").there() && !paths.some() {
			v.refuse(paths, pathOf(paths.field)+" is empty")
		}
		for _, path := range paths.list() {
			v.ingressPath(path)
		}
	}
	for _, tls := range spec.at("tls").list() {
		for _, host := range tls.at("hosts").list() {
			v.host(host, false)
		}
		if name := tls.at("secretName"); name.some() {
			v.named(name, apivalidation.NameIsDNSSubdomain)
		}
	}
	if class := spec.at("ingressClassName"); class.there() {
		v.named(class, apivalidation.NameIsDNSSubdomain)
	}
}

func (v *validator) named(name node, valid func(string, bool) []string) {
	if errs := valid(name.text(), false); len(errs) > 0 {
		v.wrong(name, errs[0])
	}
}

// host is the name of a host, with a star in the place of its first part or without. A rule may have none; an address
// is refused of a rule alone.
func (v *validator) host(host node, ofRule bool) {
	text := host.text()
	if text == "" && ofRule {
		return
	}
	if ofRule && netutils.ParseIPSloppy(text) != nil {
		v.refuse(host, fmt.Sprintf("%s is %s, which is an address and not a name", pathOf(host.field), written(text)))
		return
	}
	valid := validation.IsDNS1123Subdomain
	if strings.Contains(text, "*") {
		valid = validation.IsWildcardDNS1123Subdomain
	}
	if errs := valid(text); len(errs) > 0 {
		v.wrong(host, errs[0])
	}
}

// ingressPath is one path of a rule.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingmci.go:206 (validateHTTPIngressPath).
func (v *validator) ingressPath(path node) {
	kind, text := path.at("pathType"), path.at("path")
	switch kind.text() {
	case "Exact", "Prefix":
		v.absolute(text)
		for _, part := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(text.text(), part) {
				v.refuse(text, fmt.Sprintf("%s is %s, which contains %q", pathOf(text.field), written(text.text()),
					part), kind)
			}
		}
		if strings.HasSuffix(text.text(), "/..") || strings.HasSuffix(text.text(), "/.") {
			v.refuse(text, fmt.Sprintf("%s is %s, which ends in a dot", pathOf(text.field), written(text.text())), kind)
		}
	case "ImplementationSpecific":
		if text.some() {
			v.absolute(text)
		}
	default:
		v.refuse(kind, fmt.Sprintf("%s is %s and not \"Exact\", \"ImplementationSpecific\" or \"Prefix\"",
			pathOf(kind.field), written(kind.text())))
		if !kind.there() {
			return
		}
	}
	v.backend(path.at("backend"))
}

func (v *validator) absolute(path node) {
	if !strings.HasPrefix(path.text(), "/") {
		v.refuse(path, fmt.Sprintf("%s is %s, which does not begin with a slash", pathOf(path.field),
			written(path.text())))
	}
}

// backend is what takes the requests.
//
// Source: karmada v1.18.2 pkg/util/lifted/validatingmci.go:75 (validateIngressBackend).
func (v *validator) backend(backend node) {
	service, resource := backend.at("service"), backend.at("resource")
	switch {
	case service.there() && resource.there():
		v.refuse(backend.itself(), pathOf(backend.field)+" has both a service and a resource")
	case resource.there():
		if group := resource.at("apiGroup"); group.there() {
			v.named(group, func(name string, _ bool) []string { return validation.IsDNS1123Subdomain(name) })
		}
		v.target(resource)
	case service.there():
		if name := service.at("name"); name.text() == "" {
			v.refuse(name, pathOf(name.field)+" is empty")
		} else {
			v.named(name, apivalidation.NameIsDNS1035Label)
		}
		name, number := service.at("port", "name"), service.at("port", "number")
		n, _ := number.number()
		switch {
		case name.some() && n != 0:
			v.refuse(service.at("port"), pathOf(service.at("port").field)+" has both a name and a number")
		case name.some():
			v.named(name, func(name string, _ bool) []string { return validation.IsValidPortName(name) })
		case n != 0:
			v.port(number)
		default:
			v.refuse(service.itself(), pathOf(service.field)+" has neither the name of a port nor its number", number)
		}
	default:
		v.refuse(backend.itself(), pathOf(backend.field)+" has neither a service nor a resource")
	}
}

// address is the address of a webhook.
//
// Source: k8s.io/apiserver v0.36.4 pkg/util/webhook/validation.go:39 (ValidateWebhookURL).
func (v *validator) address(at node) {
	const form = "must be https://HOST/PATH without a user, a query and a fragment"
	u, err := url.Parse(at.text())
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		v.refuse(at, fmt.Sprintf("%s %s", pathOf(at.field), form))
	}
}
