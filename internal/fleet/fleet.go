// Package fleet is the model that rules judge: the clusters of a Git repository, the API servers behind them, what
// Flux applies to each, and the Karmada members, agents, control planes and policies among it.
//
// A Fleet is built once from a Tree and never changes. Its JSON form is the rules' data.fleet; docs/facts.schema.json
// is generated from these types, and other people's rules depend on it.
package fleet

// SchemaVersion names the form of the facts. A field is added within a version, never renamed or removed.
const SchemaVersion = "rollcall.dev/facts/v1"

// Declared is what the configuration says of the fleet, where it says anything.
type Declared struct {
	// Members are the names of all Karmada members; nil where the tree alone tells.
	Members []DeclaredMember
	// FailoverOrder lists members, the first one preferred; nil where nothing is declared.
	FailoverOrder []string
	// KarmadaVersion is the control plane's version, "1.18.2" or "v1.18"; empty: read from the tree.
	KarmadaVersion string
	// Date is the day on which the fleet is judged, "2026-11-24"; empty where expiry is not judged.
	Date string
	// Exceptions are those of the configuration.
	Exceptions []DeclaredException
	// Live is what the Karmada API server holds; nil where nobody asked it, as when a tree is linted.
	Live *Live
	// Follower follows Flux again where an object is another than in the tree; nil where nobody will ask.
	Follower Follower
}

// Follower follows Flux again through the files of a tree. Safe for concurrent use.
type Follower interface {
	// Follow follows what hangs on an object of a Flux cluster's own API server, with the object as content has it, nil
	// where it is not there. The content may be without its secrets.
	Follow(o ObjectRef, content map[string]any) Followed
}

// Followed is what is another then.
type Followed struct {
	// Kustomizations are those that differ, by ID; one that is gone is empty.
	Kustomizations map[string]Kustomization
	// Incomplete is that of the cluster; nil where it does not differ.
	Incomplete []Incomplete
}

// DeclaredMember is one entry of the configuration's list of members.
type DeclaredMember struct {
	Name   string
	Origin Origin
	// Mode is "Push", "Pull" or empty. What is empty, or nil, the tree tells.
	Mode, Provider, Region string
	Labels                 map[string]string
	Zones                  []string
	Taints                 []Taint
}

// Fleet is everything that is known; data.fleet in a rule.
type Fleet struct {
	Schema string `json:"schema"`
	// FailoverOrder is the declared order, the preferred member first; empty where none is declared.
	FailoverOrder []string `json:"failoverOrder"`
	// Date is the day on which the fleet is judged, "2026-11-24", UTC; empty where it does not matter.
	Date string `json:"date"`
	// KarmadaVersion is the declared version of Karmada without a leading v, "1.18"; empty where none is declared.
	KarmadaVersion string `json:"karmadaVersion"`
	// Membership says how the members were found out.
	Membership Membership `json:"membership"`
	// Live is there where a Karmada API server was asked: its Clusters and policies are among the objects then.
	Live *LiveServer `json:"live,omitempty"`

	Members        map[string]Member        `json:"members"`        // by name
	Agents         map[string]Agent         `json:"agents"`         // by ID
	ControlPlanes  map[string]ControlPlane  `json:"controlPlanes"`  // by ID
	Clusters       map[string]Cluster       `json:"clusters"`       // by name
	APIServers     map[string]APIServer     `json:"apiServers"`     // by ID
	Kustomizations map[string]Kustomization `json:"kustomizations"` // by ID
	Files          map[string]File          `json:"files"`          // by path

	// Objects are looked up by API server, kind ("Deployment.apps"; the core group has no suffix: "Secret"), namespace
	// ("" for cluster scope) and name. Where several Kustomizations apply one object, the first by ID stands here.
	Objects map[string]map[string]map[string]map[string]*Object `json:"objects"`

	// Products are the Secrets and ConfigMaps that something in Git makes, looked up like Objects; in the namespace "*"
	// those that every namespace has.
	Products map[string]map[string]map[string]map[string]*Product `json:"products"`
	// Makers count, by API server, namespace and kind, the objects that may make further Secrets and ConfigMaps there:
	// charts, controllers that are not known, and bindings of roles; in the namespace "*" those that may anywhere.
	Makers map[string]map[string]map[string]int `json:"makers"`
	// Applied is what shows of the objects of each Kustomization beside the others', by its ID, in the tree: With
	// leaves it as it is. A Kustomization of which there is nothing to say has no entry.
	Applied map[string]Applied `json:"applied"`

	Policies map[string]Policy `json:"policies"` // by ID
	// Claims are the policies that place each object, looked up like Objects. Absent where no policy selects an object.
	Claims map[string]map[string]map[string]map[string][]Claim `json:"claims"`

	tree       *Tree
	follower   Follower
	declared   []DeclaredMember
	exceptions []DeclaredException
	// lookedUp are the places that HelmReleases' charts and values were looked up at, whether
	// something is there or not.
	lookedUp map[key]bool
	// bySelector are the policies by what their selectors ask for; changed are those that With has changed since.
	bySelector map[selectorKey][]key
	changed    []key
	// taintPlanes are the control planes, by ID, as far as taints go; the one of members that are
	// not registered has no ID.
	taintPlanes map[string]*taintPlane
	// charts counts the HelmReleases that install a chart at an API server, by its ID.
	charts map[string]int
}

// Membership says how the members of the fleet were found out, and so how sure a rule may be that a name is none.
type Membership struct {
	// Basis is "declared" (the configuration lists them), "live" (the Karmada API server does), "tree" (agents, Cluster
	// objects and Flux clusters) or "none" (nothing tells: every name is unknown).
	Basis string `json:"basis"`
	// Certain is true where the list is declared or live, or where the tree leaves no doubt: a control plane and agents
	// are in Git and every agent's name can be read. Otherwise a member may have been joined by hand.
	Certain bool `json:"certain"`
	// Names are the members' names, sorted.
	Names []string `json:"names"`
}

// Member is a Karmada member cluster.
type Member struct {
	Name string `json:"name"`
	// Declared: the configuration lists it. Registered: a cluster.karmada.io Cluster object names it, in Git or live.
	Declared   bool `json:"declared"`
	Registered bool `json:"registered"`
	// Mode is the Cluster object's spec.syncMode, "Push" or "Pull"; "Pull" where an agent registers it; else empty.
	Mode string `json:"mode"`
	// FluxCluster is the Flux cluster that is this member, by its agent, its folder's name or a variable's value; empty
	// where nothing tells.
	FluxCluster string `json:"fluxCluster"`
	// Host is true where that Flux cluster runs the control plane: such a cluster need not be a member itself.
	Host bool `json:"host"`
	// MereHost is true where nothing else makes it a member: not the configuration, a Cluster object nor an agent.
	MereHost bool `json:"mereHost"`
	// Agents are the IDs of the agents that register under this name and that Flux reconciles, sorted.
	Agents []string `json:"agents"`
	// Suspended are those that a suspended Kustomization or HelmRelease holds back, or that have no replicas.
	Suspended []string `json:"suspended"`
	// Stray are the IDs of agents with this name in files that nothing reconciles.
	Stray []string `json:"stray"`
	// Misnamed are the IDs of agents in FluxCluster that register under another name.
	Misnamed []string `json:"misnamed"`
	// Unnamed are the IDs of agents in FluxCluster whose name cannot be read: one of them may be this member's.
	Unnamed []string `json:"unnamed"`
	// Labels, Provider, Region, Zones and Taints are the configuration's, else the Cluster object's or the agent's;
	// empty where nothing tells.
	Labels   map[string]string `json:"labels"`
	Provider string            `json:"provider"`
	Region   string            `json:"region"`
	Zones    []string          `json:"zones"`
	Taints   []Taint           `json:"taints"`
	// Unseen are those of "labels", "provider", "region" and "zones" that nothing tells: an agent registers a Cluster,
	// and somebody may add them.
	Unseen []string `json:"unseen"`
	// Healthy, Lost and Recovered are the taints that it has while it is healthy, once it is lost, and when it is ready
	// again: Taints and those of ClusterTaintPolicies.
	Healthy   Tainted `json:"healthy"`
	Lost      Tainted `json:"lost"`
	Recovered Tainted `json:"recovered"`
	// Live is what the Karmada API server says of it; absent where it was not asked, or knows no such Cluster.
	Live *LiveMember `json:"live,omitempty"`
	// Origin is what makes it a member: the configuration's entry, its Cluster object, its agent, or the entry point of
	// its Flux cluster, the first there is; empty where it is registered by hand.
	Origin Origin `json:"origin"`
}

// Agent is a karmada-agent in Git: a HelmRelease of the karmada chart with installMode agent, or a Deployment that runs
// /bin/karmada-agent.
type Agent struct {
	// ID is cluster/namespace/name of the HelmRelease or Deployment; an unreached one's is its file and name.
	ID string `json:"id"`
	// Kind is "HelmRelease" or "Deployment".
	Kind string `json:"kind"`
	// Cluster is the Flux cluster that runs it; for an unreached one, the cluster below whose folder it lies, or empty.
	Cluster string `json:"cluster"`
	Origin  Origin `json:"origin"`
	Reached bool   `json:"reached"`
	// Suspended: its own spec.suspend, a Kustomization above it, or a Deployment without replicas.
	Suspended bool `json:"suspended"`
	// ListIn is, for an unreached agent, the file that should list it: the nearest kustomization.yaml that Flux
	// reads, or the nearest one at or above the agent's folder. Empty where there is none.
	ListIn string `json:"listIn"`
	// ListAs is the entry that ListIn's resources lack, where one cluster alone reads that file and one entry is right:
	// the agent's file, the file with the only Flux Kustomization that leads to a folder around the agent, or a folder
	// around either that has a kustomization.yaml of its own. Else empty, as where a Flux Kustomization of the cluster
	// leads to a folder that is not there or not known.
	ListAs string `json:"listAs"`
	// Name is the member's name that it registers; NameState is unknown where it comes from something unreadable.
	Name      string `json:"name"`
	NameState State  `json:"nameState"`
	// NameField leads to the name in the agent's object.
	NameField Field `json:"nameField"`
	// Namespace is where it runs; Release the name of the chart's release, by which the chart calls its Secret
	// <release>-kubeconfig, and empty for a Deployment.
	Namespace string `json:"namespace"`
	Release   string `json:"release"`
	// LeaseNamespace is the namespace on the Karmada API server in which the agents' leader is elected; empty where it
	// cannot be read or none is elected.
	LeaseNamespace string `json:"leaseNamespace"`
	// Endpoint is the address of the member's own API server that it registers, if any.
	Endpoint      string `json:"endpoint"`
	EndpointState State  `json:"endpointState"`
	EndpointField Field  `json:"endpointField"`
	// Server is the address of the Karmada API server.
	Server      string `json:"server"`
	ServerState State  `json:"serverState"`
	ServerField Field  `json:"serverField"`
	// Credentials are agent.kubeconfig.caCrt, crt and key of the chart; empty for a Deployment.
	Credentials map[string]Credential `json:"credentials"`
	// Unlisted are the objects of valuesFrom that lie in the cluster's files and that nothing reconciles.
	Unlisted []UnlistedValues `json:"unlisted"`
	// Version is the chart's version or the image's tag, empty where unknown. Tag is the image's tag as it is written,
	// empty where none is; TagField leads to it.
	Version  string `json:"version"`
	Tag      string `json:"tag"`
	TagField Field  `json:"tagField"`
	// Provider, Region and Zones are what it says of its cluster; empty where it says nothing.
	Provider string   `json:"provider"`
	Region   string   `json:"region"`
	Zones    []string `json:"zones"`
}

// UnlistedValues is an object that a HelmRelease takes values from, in a file that nothing reconciles.
type UnlistedValues struct {
	// Kind is "Secret" or "ConfigMap".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Field leads to the entry of valuesFrom, Origin to the object.
	Field  Field  `json:"field"`
	Origin Origin `json:"origin"`
}

// Credential is one of the three PEM texts that the chart's agent needs.
type Credential struct {
	// State is found, missing (neither in values nor in valuesFrom) or unknown (a Secret made by hand, a whole values
	// file that is encrypted, a remote source).
	State State `json:"state"`
	// From is "values", or Kind/name of the valuesFrom object, or empty.
	From  string `json:"from"`
	Class Class  `json:"class"`
	// Length of the value in bytes; of an encrypted one too, since SOPS does not pad.
	Length int `json:"length"`
	// Placeholder: the chart's XXXX text, or something far too short to be a PEM.
	Placeholder bool   `json:"placeholder"`
	Origin      Origin `json:"origin"`
	Field       Field  `json:"field"`
	// Certificate is what a certificate in the clear says; absent where the value is none or is encrypted.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// ControlPlane is a Karmada control plane in Git: a HelmRelease of the karmada chart in host mode, or a Karmada object
// of the operator.
type ControlPlane struct {
	// ID is cluster/namespace/name.
	ID      string `json:"id"`
	Kind    string `json:"kind"` // "HelmRelease" or "Karmada"
	Cluster string `json:"cluster"`
	// Namespace and Name are the release's: they name its Services and its kubeconfig Secret.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Origin    Origin `json:"origin"`
	// Version without a leading v, as far as known: "1.18.2", "1.18", "". The configuration's wins.
	Version string `json:"version"`
	// APIServers are the IDs of the API servers that its kubeconfig Secret leads to; its cluster's own too where that
	// has no entry point, since every object then stands there.
	APIServers []string `json:"apiServers"`
	// CertificateHosts are the names that the API server's certificate covers, wildcards included; HostsState is
	// unknown where certificates are brought along (certs.mode custom) or the values cannot be read.
	CertificateHosts []string `json:"certificateHosts"`
	HostsState       State    `json:"hostsState"`
	// HostsField leads to the list in the control plane's object.
	HostsField Field `json:"hostsField"`
	// Certificates are those that the chart's values bring along, by where they stand: certs.custom.caCrt and crt,
	// etcd.external.certs.caCrt and crt. Empty where Karmada makes them itself.
	Certificates map[string]Credential `json:"certificates"`
	// Exposures are the addresses at which something in Git makes its API server reachable.
	Exposures []Exposure `json:"exposures"`
	// FailoverArmed are the switches of cluster failover that Git can show, each found, missing or unknown: "gate",
	// "eviction", "taint", "webhook".
	FailoverArmed map[string]State `json:"failoverArmed"`
	// Lacks is what cluster failover certainly lacks, in words: the switches that are missing.
	Lacks []string `json:"lacks"`
	// FeatureGates are the controller manager's, as the values give them; GatesState is
	// unknown where there may be more.
	FeatureGates map[string]bool `json:"featureGates"`
	GatesState   State           `json:"gatesState"`
	// SystemNamespace is Karmada's own on its API server, "karmada-system" unless the chart says otherwise;
	// empty where it cannot be read.
	SystemNamespace string `json:"systemNamespace"`
	// SkippedNamespaces are the regular expressions of --skipped-propagating-namespaces; empty
	// where they cannot be read.
	SkippedNamespaces []string `json:"skippedNamespaces"`
	// Schedulers are the names of its schedulers in Git, sorted; empty where more may run than Git shows.
	Schedulers []string `json:"schedulers"`
}

// Exposure is a Service, Ingress or route in front of a Karmada API server.
type Exposure struct {
	// Host is a DNS name or an address; for a Tailscale hostname it has no domain. Empty where only the live cluster
	// knows (a LoadBalancer's address).
	Host string `json:"host"`
	// Tailscale: Host is a machine name, completed by any tailnet.
	Tailscale bool   `json:"tailscale"`
	Ports     []int  `json:"ports"`
	Origin    Origin `json:"origin"`
}

// APIServer is where objects go: a Flux cluster's own, or one behind a kubeconfig.
type APIServer struct {
	ID string `json:"id"`
	// Kind is "cluster", "karmada" or "unknown".
	Kind    string `json:"kind"`
	Cluster string `json:"cluster"` // the Flux cluster that applies to it
	// KubeConfig is namespace/name of the Secret that leads to it, empty for a cluster's own.
	KubeConfig string `json:"kubeConfig"`
	// ControlPlane is the ID of the Karmada control plane in Git that serves it, empty where none does.
	ControlPlane string `json:"controlPlane"`
	// Complete: Git shows all that Flux brings there. Otherwise something unknown, or a chart, may bring further
	// objects; and without an entry point nobody knows what Flux brings.
	Complete bool `json:"complete"`
}

// Subject is one thing that a rule judges; Input is what the rule sees as input.
type Subject struct {
	// Kind is "Kind.group" for an object ("PropagationPolicy.policy.karmada.io"; the core group has no suffix:
	// "Secret"), or an entity: "Cluster", "Member", "Agent", "ControlPlane", "File", "Exception".
	Kind   string
	Object ObjectRef
	Origin Origin
	Input  Input
}

// Input is the JSON form of a subject. One of the pointers is set for an entity, or for the object that is one.
type Input struct {
	// Subject is the subject's kind.
	Subject string `json:"subject"`
	// Cluster is the Flux cluster, APIServer the ID of the API server; empty where they make no sense.
	Cluster   string `json:"cluster"`
	APIServer string `json:"apiServer"`
	Origin    Origin `json:"origin"`
	// Object is the object as the API server receives it, secret values replaced by {"$class", "$len"} and null fields
	// left out.
	Object map[string]any `json:"object,omitempty"`

	// Kustomization is the loader's account of a Flux Kustomization.
	Kustomization *Kustomization `json:"kustomization,omitempty"`
	Member        *Member        `json:"member,omitempty"`
	Agent         *Agent         `json:"agent,omitempty"`
	ControlPlane  *ControlPlane  `json:"controlPlane,omitempty"`
	FluxCluster   *Cluster       `json:"fluxCluster,omitempty"`
	// Policy is what a policy of Karmada with resourceSelectors selects.
	Policy *Policy `json:"policy,omitempty"`
	// Invalid is what Karmada, or the API of Flux, refuses an object of one of its kinds for, in the order of the
	// fields; absent where it does not.
	Invalid []Invalid `json:"invalid,omitempty"`
	// Overrides is what is worth saying of the instructions of an override policy, on the objects in Git that it
	// selects; absent where nothing is.
	Overrides []OverrideEffect `json:"overrides,omitempty"`
	File      *File            `json:"file,omitempty"`
	Exception *UsedException   `json:"exception,omitempty"`
}

// OverrideEffect is what an instruction of an override policy comes to, on an object in Git.
type OverrideEffect struct {
	// Field leads to the instruction, or to its path, in the policy.
	Field Field `json:"field"`
	// Effect is "fails" (it cannot be applied), "wipes" (it takes away more than it says) or "idle" (it changes nothing
	// in any of the selected objects).
	Effect string `json:"effect"`
	// Message says it, as one part of a sentence.
	Message string `json:"message"`
	// Object is the first of the selected ones on which it is so.
	Object Selected `json:"object"`
}

// Invalid is one reason for which Karmada refuses an object.
type Invalid struct {
	// Field leads to the fault; what is missing is no step of it.
	Field Field `json:"field"`
	// Problem is "api-version", "unknown-field", "newer-field", "type", "required", "enum", "bounds", "form" or
	// "duplicate" where the schema refuses the object; "webhook", or of two sorts "propagate-deps" and
	// "other-namespace", where karmada-webhook does.
	Problem string `json:"problem"`
	// Message says it in one sentence.
	Message string `json:"message"`
	// Fix says what to write, as a sentence; empty where nothing is likely.
	Fix string `json:"fix"`
	// Since is y of the first release 1.y that has the field; 0 but for "newer-field".
	Since int `json:"since"`
	// NotBefore is y of the newest release 1.y, where it is not known which one it is and an older one
	// takes the object; else 0.
	NotBefore int `json:"notBefore"`
	// Edits has the one edit that mends it, where one is certain.
	Edits []InvalidEdit `json:"edits"`
}

// InvalidEdit is a value to be written at a field of the object.
type InvalidEdit struct {
	Field Field `json:"field"`
	Value any   `json:"value"`
}

// UsedException is an exception and what became of it.
type UsedException struct {
	Exception
	Origin Origin `json:"origin"`
	// Known: a rule of that name exists.
	Known bool `json:"known"`
	// Used counts the findings that it excepted; -1 where the rule is off, so that nothing can be told.
	Used int `json:"used"`
	// Expired: it has ended, and excepts nothing any more.
	Expired bool `json:"expired"`
}
