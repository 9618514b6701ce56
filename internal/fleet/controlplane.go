package fleet

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// FailoverSwitches are the switches of cluster failover. All of them are off by default, and it takes every one.
//
// Source: karmada v1.18.2 pkg/features/features.go:163, cmd/controller-manager/app/options/cluster_failover.go:50,
// pkg/controllers/cluster/taint_manager.go:114, cmd/webhook/app/options/options.go:96.
var FailoverSwitches = []struct {
	// Name is the key in ControlPlane.FailoverArmed.
	Name string
	// What it is, and Off what is so where it is off.
	What, Off string
}{
	{gateSwitch, "the feature gate Failover", "the feature gate Failover is off"},
	{evictionSwitch, "--" + evictionFlag, "--" + evictionFlag + " is off"},
	{TaintSwitch, "a ClusterTaintPolicy with NoExecute", "no ClusterTaintPolicy adds a NoExecute taint"},
	{webhookSwitch, "--" + webhookFlag, "--" + webhookFlag + " is off, so such a policy is refused"},
}

const (
	gateSwitch     = "gate"     // of the controller manager
	evictionSwitch = "eviction" // of the controller manager
	TaintSwitch    = "taint"
	webhookSwitch  = "webhook" // of the webhook

	systemNamespace = "karmada-system"

	evictionFlag = "enable-no-execute-taint-eviction"
	webhookFlag  = "allow-no-execute-taint-policy"
)

func (f *Fleet) addControlPlane(c ControlPlane) {
	c.Version = cmp.Or(f.KarmadaVersion, c.Version)
	if _, taken := f.ControlPlanes[c.ID]; taken { // a HelmRelease and a Karmada object of one name
		c.ID += "/" + c.Kind
	}
	f.ControlPlanes[c.ID] = c
}

// chartControlPlane reads a release of the chart in host mode.
//
// Source: karmada v1.18.2 charts/karmada/values.yaml and templates/_helpers.tpl.
func chartControlPlane(r release, chartVersion string) ControlPlane {
	tag, tagAt := r.text("controllerManager", "image", "tag")
	if tagAt.chartsOwn() {
		tag = chartVersion
	}
	domain, _ := r.text("clusterDomain")
	c := ControlPlane{
		ID:         IDOf(r.object.APIServer, r.object.Namespace, r.object.Name),
		Kind:       "HelmRelease",
		Cluster:    r.runsOn(),
		Namespace:  r.GetReleaseNamespace(),
		Name:       r.GetReleaseName(),
		Origin:     r.object.Origin,
		Version:    knownVersion(tag),
		APIServers: []string{},
		Schedulers: []string{},
	}
	namespace, namespaceAt := r.text("systemNamespace")
	if c.SystemNamespace = namespace; namespaceAt.state == Missing {
		c.SystemNamespace = systemNamespace
	}
	c.CertificateHosts, c.HostsState, c.HostsField = r.certificateHosts(c, cmp.Or(domain, "cluster.local"))

	c.Certificates = r.certificates()

	gates, gatesState := r.fields("controllerManager", "featureGates")
	args, argsState := r.fields("controllerManager", "extraCommandArgs")
	c.FeatureGates, c.GatesState = featureGates(gates, args), Found
	if gatesState == Unknown || argsState == Unknown || hasVariableGate(gates, args) {
		c.GatesState = Unknown
	}
	_, given := gates["PropagateDeps"] // null takes the chart's own value away
	if _, set := c.FeatureGates["PropagateDeps"]; !set && !given && c.GatesState == Found {
		c.FeatureGates["PropagateDeps"] = false
	}
	c.SkippedNamespaces = skippedNamespaces(args, argsState)
	c.FailoverArmed = map[string]State{
		gateSwitch:     gateState(c.FeatureGates, "Failover", c.GatesState),
		evictionSwitch: flagState(args, evictionFlag, argsState),
		webhookSwitch:  Missing, // no value of the chart reaches the webhook's command line
	}
	switch text := jsonOf(at(r.object.Content, "spec", "postRenderers")); {
	case strings.Contains(text, webhookFlag):
		c.FailoverArmed[webhookSwitch] = Found
	case hasVariable(text):
		c.FailoverArmed[webhookSwitch] = Unknown
	}

	kind, _ := r.text("apiServer", "serviceType")
	nodePort := r.value("apiServer", "nodePort").data
	annotations, _ := r.fields("apiServer", "serviceAnnotations")
	c.Exposures = c.rendered(kind, "", annotations, nodePort, cmp.Or(domain, "cluster.local"))
	return c
}

// certificates are those of the control plane that the values bring along.
//
// Source: karmada v1.18.2 charts/karmada/templates/karmada-cert.yaml.
func (r release) certificates() map[string]Credential {
	all := map[string]Credential{}
	for _, of := range []struct {
		mode, is string
		path     []string
	}{{"certs", "custom", []string{"certs", "custom"}}, {"etcd", "external", []string{"etcd", "external", "certs"}}} {
		if mode, _ := r.text(of.mode, "mode"); mode != of.is {
			continue
		}
		for _, key := range []string{"caCrt", "crt"} {
			path := append(slices.Clip(of.path), key)
			all[strings.Join(path, ".")] = credential(r.value(path...))
		}
	}
	return all
}

// certificateHosts are the chart's certs.auto.hosts, with its templates filled in.
func (r release) certificateHosts(c ControlPlane, domain string) ([]string, State, []any) {
	mode, modeAt := r.text("certs", "mode")
	found := r.value("certs", "auto", "hosts")
	if mode == "custom" || modeAt.state == Unknown && modeAt.data != nil {
		return []string{}, Unknown, found.shown
	}
	switch found.state {
	case Missing: // the chart's default
		hosts := []string{"kubernetes.default.svc", "*.etcd." + c.Namespace + ".svc." + domain,
			"*." + c.Namespace + ".svc." + domain, "*." + c.Namespace + ".svc", "localhost", "127.0.0.1"}
		return hosts, Found, found.shown
	case Unknown:
		return []string{}, Unknown, found.shown
	}
	hosts, state := []string{}, Found
	if found.hidden {
		state = Unknown
	}
	list, isList := found.data.([]any)
	if !isList {
		state = Unknown
	}
	for _, entry := range list {
		host, _ := entry.(string)
		host = fillTemplate(host, c, domain)
		if host == "" || hasVariable(host) || strings.Contains(host, "{{") {
			state = Unknown
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts, state, found.shown
}

// fillTemplate replaces the templates that name the release or its cluster's domain; others stay.
func fillTemplate(text string, c ControlPlane, domain string) string {
	return regexp.MustCompile(`\{\{-?\s*(.*?)\s*-?\}\}`).ReplaceAllStringFunc(text, func(template string) string {
		switch strings.Trim(template, "{}- ") {
		case ".Release.Namespace", `include "karmada.namespace" .`:
			return c.Namespace
		case ".Release.Name", `include "karmada.name" .`:
			return c.Name
		case ".Values.clusterDomain":
			return domain
		}
		return template
	})
}

// operatorControlPlane reads the operator's Karmada object.
//
// Source: karmada v1.18.2 operator/pkg/apis/operator/v1alpha1/type.go; operator/pkg/certs/certs.go,
// apiServerAltNamesMutator, for the names in the certificate.
func operatorControlPlane(object Object) ControlPlane {
	components := mapAt(object.Content, "spec", "components")
	server := mapAt(components, "karmadaAPIServer")
	domain := cmp.Or(textAt(object.Content, "spec", "hostCluster", "networking", "dnsDomain"), "cluster.local")
	c := ControlPlane{
		ID:         IDOf(object.APIServer, object.Namespace, object.Name),
		Kind:       "Karmada",
		Cluster:    runsOn(object),
		Namespace:  object.Namespace,
		Name:       object.Name,
		Origin:     object.Origin,
		Version:    operatorVersion(object.Content),
		APIServers: []string{},
		CertificateHosts: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"*.karmada-system.svc.cluster.local", "*.karmada-system.svc", "127.0.0.1"},
		HostsState:      Found,
		Certificates:    map[string]Credential{},
		Schedulers:      []string{},
		SystemNamespace: systemNamespace,
		HostsField:      []any{"spec", "components", "karmadaAPIServer", "certSANs"},
	}
	if c.Namespace != "karmada-system" {
		c.CertificateHosts = append(c.CertificateHosts, "*."+c.Namespace+".svc.cluster.local", "*."+c.Namespace+".svc")
	}
	for _, name := range textsAt(server, "certSANs") {
		if hasVariable(name) {
			c.HostsState = Unknown
		} else if !slices.Contains(c.CertificateHosts, name) {
			c.CertificateHosts = append(c.CertificateHosts, name)
		}
	}
	kind := textAt(server, "serviceType")
	if kind == "LoadBalancer" || kind == "NodePort" { // the operator adds the address that the live cluster gives
		c.HostsState = Unknown
	}

	manager := mapAt(components, "karmadaControllerManager")
	args := mapAt(manager, "extraArgs")
	gates := mapAt(manager, "featureGates")
	c.FeatureGates, c.GatesState = featureGates(gates, args), Found
	if hasVariableGate(gates, args) {
		c.GatesState = Unknown
	}
	c.SkippedNamespaces = skippedNamespaces(args, Found)
	if name := textAt(components, "karmadaScheduler", "extraArgs", "scheduler-name"); name != "" {
		c.Schedulers = append(c.Schedulers, name)
	}
	c.FailoverArmed = map[string]State{
		gateSwitch:     gateState(c.FeatureGates, "Failover", c.GatesState),
		evictionSwitch: flagState(args, evictionFlag, Found),
		webhookSwitch:  flagState(mapAt(components, "karmadaWebhook", "extraArgs"), webhookFlag, Found),
	}
	c.Exposures = c.rendered(kind, textAt(server, "loadBalancerClass"), mapAt(server, "serviceAnnotations"), nil,
		domain)
	return c
}

// operatorVersion is the tag of one of Karmada's own images, or the release that the CRDs are fetched from.
func operatorVersion(content map[string]any) string {
	for _, component := range []string{"karmadaControllerManager", "karmadaScheduler", "karmadaWebhook",
		"karmadaAggregatedAPIServer"} {
		if version := knownVersion(textAt(content, "spec", "components", component, "imageTag")); version != "" {
			return version
		}
	}
	for _, part := range strings.Split(textAt(content, "spec", "crdTarball", "httpSource", "url"), "/") {
		if version := knownVersion(part); version != "" {
			return version
		}
	}
	return ""
}

// featureGates are those of the values, and those of a --feature-gates flag among the arguments.
func featureGates(values, args map[string]any) map[string]bool {
	gates := map[string]bool{}
	set := func(name, text string) {
		switch text {
		case "true":
			gates[name] = true
		case "false":
			gates[name] = false
		}
	}
	for name, entry := range values {
		text, _ := scalar(entry)
		set(name, text)
	}
	for pair := range strings.SplitSeq(textAt(args, "feature-gates"), ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(pair), "=")
		set(name, text)
	}
	return gates
}

// hasVariableGate is true where a gate's state, or which gates there are, stands in a variable.
func hasVariableGate(values, args map[string]any) bool {
	for _, entry := range values {
		if text, _ := scalar(entry); hasVariable(text) {
			return true
		}
	}
	return hasVariable(textAt(args, "feature-gates"))
}

// gateState is found where a gate is switched on; the default of Failover is off since v1.12.
func gateState(gates map[string]bool, name string, values State) State {
	on, set := gates[name]
	switch {
	case on:
		return Found
	case !set && values == Unknown:
		return Unknown
	}
	return Missing
}

// flagState is found where a flag, off by default, is switched on among extra arguments.
func flagState(args map[string]any, name string, values State) State {
	entry, set := args[name]
	if !set {
		entry, set = args["--"+name]
	}
	text, ok := scalar(entry)
	switch {
	case set && text == "true":
		return Found
	case set && (!ok || hasVariable(text)), !set && values == Unknown:
		return Unknown
	}
	return Missing
}

// finishControlPlanes adds what only the rest of the fleet tells: what stands in front of the API server, and whether a
// policy taints lost clusters.
func (f *Fleet) finishControlPlanes() {
	schedulers := f.schedulers()
	for _, id := range sorted(f.ControlPlanes) {
		c := f.ControlPlanes[id]
		if c.Cluster != "" {
			c.Exposures = append(c.Exposures, f.exposures(c)...)
		}
		c.Exposures = distinct(c.Exposures)
		c.Schedulers = append(c.Schedulers, schedulers...)
		if len(c.Schedulers) == len(schedulers) { // its own has not got another name
			c.Schedulers = append(c.Schedulers, defaultScheduler)
		}
		slices.Sort(c.Schedulers)
		c.Schedulers = slices.Compact(c.Schedulers)
		if c.Cluster == "" || f.receivesMore(c.Cluster) || slices.ContainsFunc(c.Schedulers, hasVariable) {
			c.Schedulers = []string{}
		}
		c.FailoverArmed[TaintSwitch] = f.taintState(c)
		// Before v1.14 the controller tainted and evicted on its own: these switches then say nothing.
		if olderThan(c.Version, 1, 14) {
			for name := range c.FailoverArmed {
				c.FailoverArmed[name] = Unknown
			}
		}
		c.Lacks = []string{}
		for _, s := range FailoverSwitches {
			if c.FailoverArmed[s.Name] == Missing {
				c.Lacks = append(c.Lacks, s.What)
			}
		}
		f.ControlPlanes[id] = c
	}
}

const defaultScheduler = "default-scheduler"

// schedulers are the names of Karmada's schedulers that Deployments in Git run; one that is a variable comes along.
func (f *Fleet) schedulers() []string {
	names := []string{}
	for _, server := range sorted(f.Objects) {
		for object := range f.ofKind(server, deploymentKind) {
			names = append(names, schedulersOf(object)...)
		}
	}
	return names
}

// schedulersOf are the names of the schedulers that a Deployment runs.
//
// Source: karmada v1.18.2 cmd/scheduler/app/options/options.go, --scheduler-name.
func schedulersOf(deployment Object) []string {
	var names []string
	for _, container := range listAt(deployment.Content, "spec", "template", "spec", "containers") {
		words, _ := commandLine(container, nil)
		if name, named := flag(words, "--scheduler-name"); named {
			names = append(names, name.text)
		}
	}
	return names
}

// skippedNamespaces are the regular expressions of namespaces whose objects Karmada leaves alone.
//
// Source: karmada v1.18.2 cmd/controller-manager/app/options/options.go:194, --skipped-propagating-namespaces.
func skippedNamespaces(args map[string]any, values State) []string {
	const name = "skipped-propagating-namespaces"
	entry, set := args[name]
	if !set {
		entry, set = args["--"+name]
	}
	text, ok := scalar(entry)
	switch {
	case !set && values != Unknown:
		return []string{"kube-.*"}
	case !ok || hasVariable(text):
		return []string{}
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// taintState is unknown where nothing in Git goes to the control plane's API server, or more than Git shows.
func (f *Fleet) taintState(c ControlPlane) State {
	state := Unknown
	if len(c.APIServers) > 0 {
		state = Missing
	}
	for _, server := range c.APIServers {
		if f.receivesMore(server) {
			state = Unknown
		}
		for policy := range f.ofKind(server, taintKind) {
			if hasVariable(jsonOf(at(policy.Content, "spec", "taints"))) {
				state = Unknown
			}
			for _, taint := range listAt(policy.Content, "spec", "taints") {
				if textAt(taint, "effect") == "NoExecute" {
					return Found
				}
			}
		}
	}
	return state
}
