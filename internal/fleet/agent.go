package fleet

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

const (
	deploymentKind = "Deployment.apps"
	karmadaChart   = "karmada" // of https://github.com/karmada-io/karmada/tree/master/charts
	agentProgram   = "karmada-agent"
)

// readAgentsAndControlPlanes finds what the Karmada chart, the operator's Karmada objects and plain Deployments of
// the agent install. A declared version wins over what they say.
func (f *Fleet) readAgentsAndControlPlanes() {
	for _, server := range sorted(f.Objects) {
		find := f.finderAt(server)
		for object := range f.ofKind(server, helmReleaseKind) {
			chart, chartVersion := chartName(object, find)
			if chart != karmadaChart {
				continue
			}
			r := newRelease(object, find)
			switch r.installMode() {
			case "agent":
				agent := chartAgent(r, chartVersion)
				agent.Suspended = !object.reconciled() || r.Spec.Suspend
				agent.Unlisted = f.unlistedValues(r)
				f.addAgent(agent, object)
			case "host":
				f.addControlPlane(chartControlPlane(r, chartVersion))
			}
		}
		for object := range f.ofKind(server, deploymentKind) {
			if agent, ok := deploymentAgent(object); ok {
				agent.Suspended = !object.reconciled() || hasNoReplicas(object)
				f.addAgent(agent, object)
			}
		}
		for object := range f.ofKind(server, karmadaKind) {
			f.addControlPlane(operatorControlPlane(object))
		}
	}
}

func (f *Fleet) addAgent(agent Agent, object Object) {
	agent.ID = strings.Join([]string{object.APIServer, object.Namespace, object.Name}, "/")
	if _, taken := f.Agents[agent.ID]; taken { // a HelmRelease and a Deployment of one name
		agent.ID += "/" + agent.Kind
	}
	agent.Reached = true
	f.Agents[agent.ID] = agent
}

// installMode is the chart's: host, agent or component. Where it cannot be read, what else is known of the release
// tells an agent from a control plane.
func (r release) installMode() string {
	mode, found := r.text("installMode")
	if found.state == Found {
		return mode
	}
	if found.state == Unknown {
		if _, state := r.fields("agent"); state == Found || strings.Contains(r.Name, "agent") {
			return "agent"
		}
	}
	return "host"
}

// runsOn is the Flux cluster whose nodes run what the release installs; empty where a kubeconfig leads elsewhere.
func (r release) runsOn() string {
	if r.Spec.KubeConfig != nil {
		return ""
	}
	return runsOn(r.object)
}

func runsOn(object Object) string {
	if object.APIServer != object.Cluster {
		return ""
	}
	return object.Cluster
}

// chartAgent reads an agent's release.
//
// Source: karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml.
func chartAgent(r release, chartVersion string) Agent {
	name, nameAt := r.text("agent", "clusterName")
	endpoint, endpointAt := r.text("agent", "clusterEndpoint")
	server, serverAt := r.text("agent", "kubeconfig", "server")
	tag, tagAt := r.text("agent", "image", "tag")
	agent := Agent{
		Kind:           "HelmRelease",
		Namespace:      r.GetReleaseNamespace(),
		Release:        r.GetReleaseName(),
		LeaseNamespace: r.GetReleaseNamespace(),
		Endpoint:       endpoint,
		EndpointState:  endpointAt.state,
		EndpointField:  endpointAt.shown,
		Tag:            tag,
		TagField:       tagAt.shown,
		Cluster:        r.runsOn(),
		Origin:         r.object.Origin,
		Name:           name,
		NameState:      nameAt.state,
		NameField:      nameAt.shown,
		Server:         server,
		ServerState:    serverAt.state,
		ServerField:    serverAt.shown,
		Credentials:    map[string]Credential{},
		Unlisted:       []UnlistedValues{},
		Version:        knownVersion(tag),
		Zones:          []string{},
	}
	if tagAt.chartsOwn() {
		agent.Version = knownVersion(chartVersion)
	}
	for _, key := range []string{"caCrt", "crt", "key"} {
		agent.Credentials[key] = credential(r.value("agent", "kubeconfig", key))
	}
	return agent
}

// shortestPEM is less than any certificate or key takes as PEM (an Ed25519 key: 119 bytes), and more than the chart's
// XXXX texts.
const shortestPEM = 100

// credential judges one of the chart's PEM texts by what is left of it after redaction.
func credential(found value) Credential {
	c := Credential{State: found.state, From: found.from, Origin: found.origin, Field: found.field}
	if found.hidden {
		c.State = Unknown
	}
	if c.State != Found {
		return c
	}
	redacted, ok := ReadRedacted(found.data)
	class, length := redacted.Class, redacted.Length
	if c.Certificate = redacted.Certificate; !ok {
		text, _ := scalar(found.data)
		c.Certificate = ReadCertificate(text)
		class, length = Plain, len(text)
		switch trimmed := strings.TrimSpace(text); {
		case trimmed == "":
			class = Empty
		case strings.HasPrefix(trimmed, "${") && strings.HasSuffix(trimmed, "}"):
			class = Variable
		case strings.Contains(trimmed, "XXXX"):
			c.Placeholder = true
		}
	}
	if isData := len(found.field) > 0 && found.field[0] == "data"; class == Encrypted && isData {
		length = length / 4 * 3 // a Secret's data is base64
	}
	c.Class, c.Length = class, length
	if class != Variable && class != Ref && length < shortestPEM {
		c.Placeholder = true
	}
	return c
}

// deploymentAgent reads a Deployment that runs the agent as karmadactl register writes it; false for any other.
//
// Source: karmada v1.18.2 pkg/karmadactl/register/register.go:1004-1098; cmd/agent/app/options/options.go:155 for the
// lease's namespace, and its flags --cluster-provider, --cluster-region and --cluster-zones.
func deploymentAgent(object Object) (Agent, bool) {
	for i, container := range listAt(object.Content, "spec", "template", "spec", "containers") {
		image := textAt(container, "image")
		field := []any{"spec", "template", "spec", "containers", i}
		words, complete := commandLine(container, field)
		runs := func(w word) bool { return path.Base(w.text) == agentProgram }
		if imageName(image) != agentProgram && !slices.ContainsFunc(words, runs) {
			continue
		}
		agent := Agent{
			Kind:           "Deployment",
			Cluster:        runsOn(object),
			Namespace:      cmp.Or(object.Namespace, defaultNamespace),
			LeaseNamespace: "karmada-system",
			EndpointState:  Missing,
			EndpointField:  field,
			Tag:            imageTag(image),
			TagField:       join(field, "image"),
			Origin:         object.Origin,
			NameState:      Missing,
			NameField:      field,
			ServerState:    Unknown, // it stands in a kubeconfig Secret
			ServerField:    field,
			Credentials:    map[string]Credential{},
			Unlisted:       []UnlistedValues{},
			Version:        imageVersion(image),
		}
		if !complete {
			agent.NameState, agent.EndpointState, agent.LeaseNamespace = Unknown, Unknown, ""
		}
		if namespace, ok := flag(words, "--leader-elect-resource-namespace"); ok {
			agent.LeaseNamespace = namespace.text
		}
		if elects, ok := flag(words, "--leader-elect"); ok && elects.text == "false" {
			agent.LeaseNamespace = ""
		}
		if endpoint, ok := flag(words, "--cluster-api-endpoint"); ok {
			agent.Endpoint, agent.EndpointState, agent.EndpointField = endpoint.text, Found, endpoint.field
			if hasVariable(endpoint.text) || strings.Contains(endpoint.text, "$(") {
				agent.Endpoint, agent.EndpointState = "", Unknown
			}
		}
		if name, ok := flag(words, "--cluster-name"); ok {
			agent.Name, agent.NameState, agent.NameField = name.text, Found, name.field
			if hasVariable(name.text) || strings.Contains(name.text, "$(") {
				agent.Name, agent.NameState = "", Unknown
			}
		}
		provider, _ := flag(words, "--cluster-provider")
		region, _ := flag(words, "--cluster-region")
		zones, _ := flag(words, "--cluster-zones")
		agent.Provider, agent.Region = provider.text, region.text
		agent.Zones = orEmpty(strings.FieldsFunc(zones.text, func(r rune) bool { return r == ',' }))
		return agent, true
	}
	return Agent{}, false
}

// hasNoReplicas is true for a Deployment that is scaled to nothing: nothing of it runs.
func hasNoReplicas(deployment Object) bool {
	replicas, _ := scalar(at(deployment.Content, "spec", "replicas"))
	return replicas == "0"
}

// word is one word of a container's command line, and the field that it stands in.
type word struct {
	text  string
	field []any
}

// commandLine is a container's command and arguments, with $(NAME) filled in from env. A shell's script counts as its
// words. It is not complete where a word cannot be read.
func commandLine(container any, field []any) (words []word, complete bool) {
	env := []string{}
	for _, variable := range listAt(container, "env") {
		if text, ok := at(variable, "value").(string); ok {
			env = append(env, "$("+textAt(variable, "name")+")", text)
		}
	}
	filled := strings.NewReplacer(env...)
	complete = true
	for _, key := range []string{"command", "args"} {
		_, isList := at(container, key).([]any)
		complete = complete && (isList || at(container, key) == nil)
		for i, entry := range listAt(container, key) {
			text, ok := scalar(entry)
			complete = complete && ok
			for _, part := range strings.Fields(filled.Replace(text)) {
				words = append(words, word{part, join(field, key, i)})
			}
		}
	}
	return words, complete
}

// flag is the last value of a flag, written as --flag=value or as two words.
func flag(words []word, name string) (word, bool) {
	result, ok := word{}, false
	for i, w := range words {
		if text, is := strings.CutPrefix(w.text, name+"="); is {
			result, ok = word{text, w.field}, true
		} else if w.text == name && i+1 < len(words) {
			result, ok = words[i+1], true
		}
	}
	return result, ok
}

func imageName(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}
