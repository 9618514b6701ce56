package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// apiPort is the port of the API server that both the chart and the operator install.
const apiPort = 5443

// serviceName is the name of the Service that the chart or the operator makes for the API server.
//
// Source: karmada v1.18.2 charts/karmada/templates/karmada-apiserver.yaml; operator/pkg/util/naming.go.
func (c ControlPlane) serviceName() string {
	if c.Kind == "Karmada" && !strings.Contains(c.Name, "karmada") {
		return c.Name + "-karmada-apiserver"
	}
	return c.Name + "-apiserver"
}

// rendered are the exposures by the Service that is not in Git itself.
func (c ControlPlane) rendered(kind, class string, annotations map[string]any, nodePort any, domain string) []Exposure {
	service := Object{Namespace: c.Namespace, Name: c.serviceName(), Origin: c.Origin, Content: map[string]any{
		"metadata": map[string]any{"annotations": annotations},
		"spec": map[string]any{
			"type":              kind,
			"loadBalancerClass": class,
			"ports":             []any{map[string]any{"port": apiPort, "nodePort": nodePort}},
		},
	}}
	return serviceExposures(service, domain)
}

// What may stand in front of an API server.
const (
	serviceKind   = "Service"
	ingressKind   = "Ingress.networking.k8s.io"
	gatewayKind   = "Gateway.gateway.networking.k8s.io"
	tlsRouteKind  = "TLSRoute.gateway.networking.k8s.io"
	tcpRouteKind  = "TCPRoute.gateway.networking.k8s.io"
	httpRouteKind = "HTTPRoute.gateway.networking.k8s.io"
)

// exposures are the addresses that Services, Ingresses and routes of the control plane's cluster give its API server.
func (f *Fleet) exposures(c ControlPlane) []Exposure {
	exposures := []Exposure{}
	fronts := map[string]bool{c.Namespace + "/" + c.serviceName(): true}
	for service := range f.ofKind(c.Cluster, serviceKind) {
		if c.isBehind(service) {
			fronts[service.Namespace+"/"+service.Name] = true
			exposures = append(exposures, serviceExposures(service, "cluster.local")...)
		}
	}
	for ingress := range f.ofKind(c.Cluster, ingressKind) {
		exposures = append(exposures, ingressExposures(ingress, fronts)...)
	}
	for _, kind := range []string{tlsRouteKind, tcpRouteKind, httpRouteKind} {
		for route := range f.ofKind(c.Cluster, kind) {
			exposures = append(exposures, f.routeExposures(route, fronts)...)
		}
	}
	return exposures
}

// isBehind is true for a Service that leads to the API server: by its selector, or by its name.
func (c ControlPlane) isBehind(service Object) bool {
	if strings.Contains(service.Name, "karmada-apiserver") {
		return true
	}
	if service.Namespace != c.Namespace {
		return false
	}
	selector := mapAt(service.Content, "spec", "selector")
	for _, label := range []string{"app", "app.kubernetes.io/name"} {
		if app := textAt(selector, label); app == c.serviceName() || app == "karmada-apiserver" {
			return true
		}
	}
	return strings.HasPrefix(textAt(service.Content, "spec", "externalName"), c.serviceName()+"."+c.Namespace+".")
}

// serviceExposures are a Service's names inside its cluster, and what its type and its annotations add.
func serviceExposures(service Object, domain string) []Exposure {
	spec, annotations := mapAt(service.Content, "spec"), mapAt(service.Content, "metadata", "annotations")
	ports, nodePorts := []int{}, []int{}
	for _, entry := range listAt(spec, "ports") {
		if port, ok := number(at(entry, "port")); ok {
			ports = append(ports, port)
		}
		if port, ok := number(at(entry, "nodePort")); ok && port > 0 {
			nodePorts = append(nodePorts, port)
		}
	}
	exposure := func(host string, ports []int) Exposure {
		if hasVariable(host) {
			host = ""
		}
		return Exposure{Host: host, Ports: ports, Origin: service.Origin}
	}
	inside := service.Name + "." + service.Namespace + ".svc"
	exposures := []Exposure{exposure(inside, ports), exposure(inside+"."+domain, ports)}
	for host := range strings.SplitSeq(textAt(annotations, "external-dns.alpha.kubernetes.io/hostname"), ",") {
		if host = strings.TrimSpace(host); host != "" {
			exposures = append(exposures, exposure(strings.TrimSuffix(host, "."), ports))
		}
	}
	for _, address := range textsAt(spec, "externalIPs") {
		exposures = append(exposures, exposure(address, ports))
	}
	if host, ok := tailscaleHost(service); ok {
		found := exposure(host, ports)
		found.Tailscale = true
		return append(exposures, found)
	}
	switch textAt(spec, "type") {
	case "LoadBalancer":
		for _, address := range addresses(spec, annotations) {
			exposures = append(exposures, exposure(address, ports))
		}
	case "NodePort":
		exposures = append(exposures, exposure("", nodePorts)) // at every node's address
	}
	return exposures
}

// tailscaleHost is the machine name that the Tailscale operator gives a Service.
//
// Source: https://tailscale.com/kb/1439/kubernetes-operator-cluster-ingress.
func tailscaleHost(service Object) (string, bool) {
	annotations := mapAt(service.Content, "metadata", "annotations")
	host := textAt(annotations, "tailscale.com/hostname")
	exposed, _ := scalar(annotations["tailscale.com/expose"])
	if host == "" && exposed != "true" && textAt(service.Content, "spec", "loadBalancerClass") != "tailscale" {
		return "", false
	}
	return cmp.Or(host, service.Namespace+"-"+service.Name), true
}

// addresses are those that a LoadBalancer asks for; an empty one where only the live cluster knows.
func addresses(spec, annotations map[string]any) []string {
	wanted := textAt(spec, "loadBalancerIP")
	for _, annotation := range []string{"metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs",
		"lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips", "kube-vip.io/loadbalancerIPs"} {
		wanted = cmp.Or(wanted, textAt(annotations, annotation))
	}
	list := strings.Split(wanted, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// ingressExposures are the hosts of an Ingress that leads to one of the Services.
func ingressExposures(ingress Object, fronts map[string]bool) []Exposure {
	spec := mapAt(ingress.Content, "spec")
	leads := func(backend any) bool {
		return fronts[ingress.Namespace+"/"+textAt(backend, "service", "name")]
	}
	hosts := []string{}
	if leads(at(spec, "defaultBackend")) {
		hosts = append(hosts, "")
	}
	for _, rule := range listAt(spec, "rules") {
		if slices.ContainsFunc(listAt(rule, "http", "paths"), func(p any) bool { return leads(at(p, "backend")) }) {
			hosts = append(hosts, textAt(rule, "host"))
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	tailscale := textAt(spec, "ingressClassName") == "tailscale"
	if tailscale { // the class names its machine by the first TLS host alone
		hosts = nil
		for _, entry := range listAt(spec, "tls") {
			hosts = append(hosts, textsAt(entry, "hosts")...)
		}
	}
	exposures := []Exposure{}
	for _, host := range hosts {
		if hasVariable(host) {
			host = ""
		}
		exposures = append(exposures, Exposure{host, tailscale, []int{443}, ingress.Origin})
	}
	return exposures
}

// routeExposures are the hosts of a Gateway API route that leads to one of the Services, with its gateways' ports.
func (f *Fleet) routeExposures(route Object, fronts map[string]bool) []Exposure {
	spec := mapAt(route.Content, "spec")
	leads := func(backend any) bool {
		namespace := cmp.Or(textAt(backend, "namespace"), route.Namespace)
		return fronts[namespace+"/"+textAt(backend, "name")]
	}
	rules := listAt(spec, "rules")
	if !slices.ContainsFunc(rules, func(rule any) bool {
		return slices.ContainsFunc(listAt(rule, "backendRefs"), leads)
	}) {
		return nil
	}
	ports := []int{}
	for _, parent := range listAt(spec, "parentRefs") {
		ports = append(ports, f.gatewayPorts(route, parent)...)
	}
	hosts := textsAt(spec, "hostnames")
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	exposures := []Exposure{}
	for _, host := range hosts {
		if hasVariable(host) {
			host = ""
		}
		exposures = append(exposures, Exposure{host, false, ports, route.Origin})
	}
	return exposures
}

// gatewayPorts are the ports at which a route's parent listens.
func (f *Fleet) gatewayPorts(route Object, parent any) []int {
	if port, ok := number(at(parent, "port")); ok {
		return []int{port}
	}
	namespace := cmp.Or(textAt(parent, "namespace"), route.Namespace)
	gateway, _ := f.object(key{route.APIServer, gatewayKind, namespace, textAt(parent, "name")})
	section := textAt(parent, "sectionName")
	ports := []int{}
	for _, listener := range listAt(gateway.Content, "spec", "listeners") {
		port, ok := number(at(listener, "port"))
		if ok && (section == "" || section == textAt(listener, "name")) && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// distinct sorts exposures and drops repeated ones.
func distinct(exposures []Exposure) []Exposure {
	key := func(e Exposure) string {
		return fmt.Sprintf("%s %t %v %s %d %v", e.Host, e.Tailscale, e.Ports, e.Origin.File, e.Origin.Document,
			e.Origin.Field)
	}
	slices.SortFunc(exposures, func(a, b Exposure) int { return cmp.Compare(key(a), key(b)) })
	return slices.CompactFunc(exposures, func(a, b Exposure) bool { return key(a) == key(b) })
}
