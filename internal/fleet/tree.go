package fleet

// Tree is what the loader read: the files as they are, and what Flux would make of them, cluster by cluster.
// It says what is there and never what is wrong.
type Tree struct {
	// Root is the folder that every path in the tree is relative to, as it was given or found.
	Root string
	// Files are all YAML and JSON files below the root, and the other files that hold secret material; by path.
	Files []File
	// Clusters are the Flux clusters, by name.
	Clusters []Cluster
	// Kustomizations are the Flux Kustomizations that each cluster reconciles, by ID.
	Kustomizations []Kustomization
	// Objects are what the API servers receive, by ID; one entry for each Kustomization that applies the object. An
	// object never changes: trees of which one was made from the other share what is the same in both.
	Objects []*Object
	// Unreached are the objects in files that no cluster reconciles, of the kinds that have to do with agents. They are
	// no part of the fleet, but an agent among them explains a member that has none.
	Unreached []*Object
}

// Origin is the place in Git that something comes from.
type Origin struct {
	// File is relative to the root, with slashes. Empty where nothing in Git declares the thing.
	File string `json:"file"`
	// Document counts the YAML documents of the file from 0.
	Document int `json:"document"`
	// Field leads from the document's root to the object, for an item of a List or an entry of a kustomize generator:
	// ["items", 2], ["secretGenerator", 0]. Absent where the document is the object.
	Field Field `json:"field,omitempty"`
}

// FileClass says what a file is for, as far as Flux is concerned.
type FileClass string

const (
	Manifest      FileClass = "manifest"      // Kubernetes objects
	KustomizeFile FileClass = "kustomization" // kustomization.yaml, kustomization.yml, Kustomization
	Template      FileClass = "template"      // Helm, Go or Jinja template: not YAML until it is rendered
	// YAML or JSON that is no Kubernetes object: values, patches, tool configuration
	Data FileClass = "data"
	Text FileClass = "text" // anything else
)

// File is one file of the tree.
type File struct {
	Path  string    `json:"path"`
	Class FileClass `json:"class"`
	// ReachedBy are the clusters whose Flux reads the file, sorted. Empty: nothing reconciles it.
	ReachedBy []string `json:"reachedBy"`
	// UnlistedIn is, for a manifest that nothing reconciles and no kustomization file lists, the kustomization file in
	// its folder if Flux reads that and it has no word for the manifest; for a Flux Kustomization or an object for
	// Karmada the next one above. Empty where there is none.
	UnlistedIn string `json:"unlistedIn"`
	// KeyDrift are the encrypted documents whose recipients are not those of the creation rule for the file.
	KeyDrift []KeyDrift `json:"keyDrift"`
	// PinDrift are the encrypted documents and the creation rules in the file whose recipients are not those that
	// the configuration allows.
	PinDrift []PinDrift `json:"pinDrift"`
	// RegionGaps are, for a configuration of SOPS, the creation rules that leave values of Secrets in the clear.
	RegionGaps []RegionGap `json:"regionGaps"`
	// Problems are what keeps the file from being read as it was meant.
	Problems []Problem `json:"problems"`
	// Documents are the YAML documents that hold something, in their order in the file.
	Documents []Document `json:"documents"`
	// Exceptions are the "# rollcall:ignore" comments and annotations in the file.
	Exceptions []Exception `json:"exceptions"`
}

// Problem is something that keeps a file from being read as it was meant.
type Problem struct {
	// Kind is "syntax", "duplicate-key", "too-large", "unreadable", "encoding", "alias-bomb" or "too-deep".
	Kind    string `json:"kind"`
	Message string `json:"message"`
	// Line and Column count from 1; 0 where the whole file is meant.
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Document is one YAML document: its identity and what of it bears on secrets. Its content is not kept.
type Document struct {
	// Index is the place in the file; -1 for the file as a whole.
	Index      int    `json:"index"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	// Encryption is the document's SOPS state; null where it has no SOPS metadata.
	Encryption *Encryption `json:"encryption"`
	// Values are the leaves that hold, or should hold, secret material.
	Values []Value `json:"values"`
}

// Value is one leaf that holds, or should hold, secret material. The value itself is not kept.
type Value struct {
	// Field leads from the document's root to the leaf.
	Field Field `json:"field"`
	// In says what holds the leaf: "Secret" (data and stringData), "generator" (secretGenerator literals, files, envs),
	// "patch" (a patch of a Secret), "file" (a whole file), "beside" (told by the name of a credential alone)
	// or "object" (anything else).
	In     string `json:"in"`
	Class  Class  `json:"class"`
	Length int    `json:"length"`
	// Key is the value's key in the Secret where the field does not end in it: of a literal of a secretGenerator, of an
	// operation of a JSON patch, of a replacement; or the name of the variable that brings it. Absent elsewhere.
	Key string `json:"key,omitempty"`
	// Secret is the Secret that Flux applies the value in, by name, where the document alone does not show it: a patch,
	// a generator, a variable. Absent elsewhere.
	Secret string `json:"secret,omitempty"`
}

// Encryption is what can be known of a SOPS-encrypted document without a key.
//
// Source: getsops/sops v3.13.2 stores/stores.go (metadata), sops.go (the encrypted region), aes/cipher.go (a leaf).
type Encryption struct {
	// Selector is one of "unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex",
	// "unencrypted_comment_regex", "encrypted_comment_regex"; "unencrypted_suffix" where the metadata has none.
	Selector string `json:"selector"`
	Pattern  string `json:"pattern"`
	// MAC is "found", "missing" or "malformed".
	MAC string `json:"mac"`
	// Recipients are the keys that the data key is encrypted to: age's and SSH's public keys, PGP's fingerprints in
	// capitals; of other keys the kind, "kms" or "azure_kv".
	Recipients []string `json:"recipients"`
	// Faults are the leaves that keep Flux from decrypting the document, or that were never encrypted.
	Faults []EncryptionFault `json:"faults"`
}

// KeyDrift is the difference between the recipients of an encrypted document and those that a creation rule names for
// its file: what "sops updatekeys" would change.
//
// Source: getsops/sops v3.13.2 config/config.go parseCreationRuleForFile, cmd/sops/common/common.go DiffKeyGroups.
type KeyDrift struct {
	Document int `json:"document"`
	// Rule is the creation rule, an entry of a .sops.yaml; the .sops.yaml next above the file
	// where none has a rule for it.
	Rule Origin `json:"rule"`
	// Missing are recipients of the rule that the document is not encrypted to, Extra those of the document that the
	// rule does not name; both sorted, and called as in Encryption. Both are empty where there is no rule.
	Missing []string `json:"missing"`
	Extra   []string `json:"extra"`
}

// Recipients are those that files may be encrypted to, as the configuration has it.
type Recipients struct {
	// Paths are globs; the first entry of the configuration that matches a path counts.
	Paths []string
	// Keys are age's and SSH's public keys and PGP's fingerprints; of other keys the kind, as in Encryption.
	Keys   []string
	Origin Origin
}

// PinDrift is the difference between the recipients of an encrypted document, or of a creation rule,
// and those that are allowed.
type PinDrift struct {
	Document int `json:"document"`
	// Field leads to the metadata of SOPS in the document, or to the creation rule.
	Field []any `json:"field"`
	// Missing are the allowed recipients that are not there, Extra those that are not allowed; both sorted,
	// and called as in Encryption.
	Missing []string `json:"missing"`
	Extra   []string `json:"extra"`
	// Allowed is the entry of the configuration.
	Allowed Origin `json:"allowed"`
}

// RegionGap is a creation rule whose region leaves out values of Secrets: of one that it is for, or of any, where it is
// for "data" or "stringData" in other letters.
//
// Source: getsops/sops v3.13.2 sops.go shouldBeEncrypted, config/config.go parseCreationRuleForFile.
type RegionGap struct {
	// Field leads to the selector in the configuration, or to the rule where it has none.
	Field []any `json:"field"`
	// Selector is one of those that Encryption names.
	Selector string `json:"selector"`
	// Part is "data" or "stringData".
	Part string `json:"part"`
	// Secrets are the documents whose values are left out, at most three, in the order of their paths.
	Secrets []Origin `json:"secrets"`
}

// EncryptionFault is one leaf, or one entry of the SOPS metadata, that is not as SOPS writes it.
type EncryptionFault struct {
	Field Field `json:"field"`
	// Kind is "plain" (a leaf inside the encrypted region that is not encrypted), "malformed" (a ciphertext that cannot
	// be one), "outside" (a ciphertext outside the encrypted region), "region" (a region that takes no value of a file)
	// or "metadata" (an entry of the SOPS metadata).
	Kind string `json:"kind"`
	// Why says what is wrong, without any value.
	Why    string `json:"why"`
	Class  Class  `json:"class"`
	Length int    `json:"length"`
}

// Exception is a "# rollcall:ignore RULE [until DATE] [by OWNER] -- REASON" comment, which excepts its file, a line
// "RULE [until DATE] [by OWNER]: REASON" of the annotation rollcall.dev/ignore, which excepts its object, or an
// entry of the configuration.
type Exception struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	// Until is the last day on which it holds, "2026-12-31", and Owner who answers for it; empty where nobody says.
	Until string `json:"until,omitempty"`
	Owner string `json:"owner,omitempty"`
	// Severity is what the finding is instead; empty where it is left out. Only the configuration gives one.
	Severity Severity `json:"severity,omitempty"`
	// Unread are the words between the rule and the reason that mean nothing.
	Unread string `json:"unread,omitempty"`
	// Document is the document of the annotated object, -1 for a comment.
	Document int `json:"document"`
	Line     int `json:"line"`
	Column   int `json:"column"`
	// Declared is where the configuration says it; nil for a comment or an annotation, which stand in the
	// file of what they except.
	Declared *Origin `json:"declared,omitempty"`
}

// Expired is true where the exception has ended by a day, "2026-12-31"; an empty one is no day.
func (x Exception) Expired(date string) bool { return x.Until != "" && date > x.Until }

// Cluster is a Flux cluster: one Flux installation that reconciles a part of the tree.
type Cluster struct {
	// Name is the folder below clusters/, or the last telling part of the entry point's path.
	Name string `json:"name"`
	// Entry is the folder that Flux starts from; the cluster's own folder where nothing shows an entry point.
	Entry string `json:"entry"`
	// Declared is false where no entry point was found and the folder's manifests count as applied.
	Declared bool `json:"declared"`
	// FluxVersion is the version of Flux that the cluster's objects install, "2.9.4" or "2.9";
	// empty where nothing tells.
	FluxVersion string `json:"fluxVersion"`
	// Variables are the names and known values of the substitution variables that the cluster's root Kustomizations
	// see: how the cluster calls itself (CLUSTER_NAME, LOCATION …).
	Variables map[string]string `json:"variables"`
	// Incomplete says what may apply further objects that this repository does not show: a remote base, a source
	// elsewhere, a ResourceSet. A name that is missing here may then exist all the same.
	Incomplete []Incomplete `json:"incomplete"`
	// Origin is the Kustomization or FluxInstance that starts it.
	Origin Origin `json:"origin"`
}

// State is the state of a reference. Unknown is never an error: a remote base, a source outside this repository, a
// Secret made by hand.
type State string

const (
	Found   State = "found"
	Missing State = "missing"
	Unknown State = "unknown"
)

// Kustomization is a Flux Kustomization as one cluster reconciles it: after its parents' patches and substitution.
type Kustomization struct {
	// ID is cluster/namespace/name.
	ID        string `json:"id"`
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Origin    Origin `json:"origin"`
	// Parent is the ID of the Kustomization that applies this one; empty at the entry point.
	Parent string `json:"parent"`
	// Chain leads from the entry point to this Kustomization, IDs, itself the last.
	Chain []string `json:"chain"`
	// Implicit is true for the entry folder of a cluster whose root Kustomization is not in Git.
	Implicit bool `json:"implicit"`
	// Suspended is true where it, or one above it, is suspended: Flux applies no change to what is below.
	Suspended bool `json:"suspended"`
	// APIServer is the ID of the API server that receives the objects: the cluster's name, or
	// cluster/namespace/secret of the kubeconfig that spec.kubeConfig names.
	APIServer string `json:"apiServer"`
	// Path is spec.path after substitution, relative to the root.
	Path      string `json:"path"`
	PathState State  `json:"pathState"`
	// Source is where the path is looked up: "GitRepository/namespace/name".
	Source string `json:"source"`
	// Local is true where the source is this repository.
	Local bool `json:"local"`
	// Decryption is the effective decryption provider: "sops" or empty.
	Decryption string `json:"decryption"`
	// Substitutes is true where Flux substitutes variables in the objects.
	Substitutes bool        `json:"substitutes"`
	DependsOn   []Reference `json:"dependsOn"`
	// Build is "found" (built), "missing" (the build fails) or "unknown" (not built here).
	Build State `json:"build"`
	// Undefined are the variables without a default, in objects that Flux substitutes in, that no source defines. Empty
	// where a source is not known, or is optional and not in Git: it may define them.
	Undefined []UndefinedVariable `json:"undefined"`
	// Joined are the variables in objects that Flux substitutes in whose values have several lines:
	// Flux takes the breaks out.
	Joined []JoinedVariable `json:"joined"`
	// Effects are what the build and substitution do that nobody will have meant.
	Effects []BuildEffect `json:"effects"`
	// Literal are the variables in names and namespaces of objects in which nothing is substituted: they
	// are applied as they stand.
	Literal []UndefinedVariable `json:"literal"`
	// Problems are what makes the build fail; each with the place to mend.
	Problems []BuildProblem `json:"problems"`
	// Incomplete says what of the build could not be read without a network, and why.
	Incomplete []Incomplete `json:"incomplete"`
	// Encrypted are the SOPS-encrypted documents that this Kustomization applies, and the files that its generators and
	// patches read: Document is -1 for one that is no YAML.
	Encrypted []Origin `json:"encrypted"`
	// DecryptionFaults are what Flux does not decrypt, or stops at, whatever key it has.
	DecryptionFaults []DecryptionFault `json:"decryptionFaults"`
	// KeyFaults are there where spec.decryption names a Secret that Git shows and of which Flux takes no key
	// that opens what is encrypted.
	KeyFaults []KeyFault `json:"keyFaults"`

	// Applying is how Flux applies it, for who compares two trees. It is no fact.
	Applying Applying `json:"-"`
}

// Applying is what the spec of a Flux Kustomization says of how it is applied, and what it is applied from.
type Applying struct {
	// Known is false where the spec is not in Git, or a patch of it cannot be read; then the next fields say nothing.
	Known bool
	// Prune, DeletionPolicy, Suspend and Force are those of the spec.
	Prune, Suspend, Force bool
	DeletionPolicy        string
	// Files are those that the build has read, sorted.
	Files []string
	// Disabled are the objects of the build that Flux is told to leave alone, without cluster and API server.
	Disabled []ObjectRef
}

// KeyFault is a Secret of which Flux takes no key.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go ImportKeys: by the
// extension of the entry's name.
type KeyFault struct {
	// Secret is its name, in the namespace of the Kustomization.
	Secret string `json:"secret"`
	// Extensions are those that one of its entries lacks, each with its point.
	Extensions []string `json:"extensions"`
	// Unused: the Kustomization applies nothing that is encrypted.
	Unused bool `json:"unused"`
	// Origin is the object that makes the Secret, and Field leads to the name of one of its entries.
	Origin Origin `json:"origin"`
	Field  []any  `json:"field"`
}

// DecryptionFault is something that Flux does not decrypt, or cannot, whatever key it has.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go DecryptSources and DecryptResource, which
// look at an object after its build and never at the MAC; getsops/sops v3.13.2 sops.go Decrypt: each leaf of the region
// must be a ciphertext of its own path.
type DecryptionFault struct {
	// Kind is "changed" (the build changes what stands inside the encrypted region), "config-map" (a
	// configMapGenerator reads an encrypted file) or "format" (a secretGenerator reads an encrypted file under a name
	// that tells Flux another format).
	Kind string `json:"kind"`
	// Encrypted is the document or file.
	Encrypted Origin `json:"encrypted"`
	// Field leads to the leaf of the built object that is changed; empty for the other kinds.
	Field []any `json:"field"`
	// Origin and At lead to the entry of a kustomization file that is at fault, where no file is given to the field of
	// the Flux Kustomization, and where nothing tells it to the leaf in the document.
	Origin Origin `json:"origin"`
	At     []any  `json:"at"`
	// Why says what happens to a generator's file, without any value; empty for "changed".
	Why string `json:"why"`
}

// UndefinedVariable is a variable that has no value: Flux fails the Kustomization since 2.9, and puts
// nothing in its place before.
//
// Source: fluxcd/kustomize-controller v1.9.0 internal/features/features.go StrictPostBuildSubstitutions.
type UndefinedVariable struct {
	Name string `json:"name"`
	// Origin is the object that has it, or the file that a generator or a patch took it from;
	// empty where no file shows it.
	Origin Origin `json:"origin"`
	// Field leads from the object to the first text that has it.
	Field Field `json:"field"`
	// Line and Column count from 1; 0 where the field alone tells the place.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Near is a variable that is defined and differs in the case of its letters, or in its separators,
	// alone; empty where none does.
	Near string `json:"near"`
	// Doubtful: a source of variables is not in Git, or not known, and may define the variable. Such a one
	// is here for its Near alone.
	Doubtful bool `json:"doubtful"`
}

// JoinedVariable is a variable whose value loses its line breaks.
//
// Source: fluxcd/pkg kustomize v1.35.6 kustomize_varsub.go:80 and 118.
type JoinedVariable struct {
	Name string `json:"name"`
	// Origin is the object that has it; Field leads from the object to the text.
	Origin Origin `json:"origin"`
	Field  []any  `json:"field"`
	// PEM: the value is PEM text, or stands alone where only PEM text makes sense. Else it is
	// another text of several lines.
	PEM bool `json:"pem"`
}

// BuildEffect is something that a build, or substitution, does without a word and that nobody will have meant.
type BuildEffect struct {
	// Kind is "idle" (a patch whose target is nothing in the build), "dropped" (a merge patch takes entries out of a
	// list of a Flux object: kustomize replaces lists of custom resources) or "retyped" (a variable makes a number or a
	// truth value where the API server takes text alone).
	//
	// Sources: kubernetes-sigs/kustomize api/v0.21.1 resmap/reswrangler.go:432 (Select), kyaml yaml/merge2/merge2.go;
	// fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:801.
	Kind string `json:"kind"`
	// Origin and Field lead to the patch, or to the text with the variable.
	Origin Origin `json:"origin"`
	Field  Field  `json:"field"`
	// What is, for "idle", the target's namespace where that alone keeps it from its objects, else empty; for "dropped"
	// the list, "spec.dependsOn"; for "retyped" "a number" or "a truth value".
	What string `json:"what"`
	// Names are, for "idle", the target's kind and name; for "dropped" what the list has lost, at most three;
	// for "retyped" the variables.
	Names []string `json:"names"`
	// Object is the object that loses it or that holds the text, `Kustomization "web"`, and In where it stands in Git.
	Object string `json:"object"`
	In     Origin `json:"in"`
}

// Reference is one entry of dependsOn.
type Reference struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	State     State  `json:"state"`
	// OtherKind is set where an object of that name exists as the other kind: a HelmRelease where a Kustomization is
	// asked for, or the reverse.
	OtherKind string `json:"otherKind"`
	// Cycle are the IDs by which dependencies lead from the Kustomization back to it, itself first and not repeated at
	// the end, at most the first ten of them; empty where they do not. CycleLength is how many there are.
	Cycle       []string `json:"cycle"`
	CycleLength int      `json:"cycleLength"`
}

// BuildProblem is one reason why kustomize cannot build a path.
type BuildProblem struct {
	// Kind is "missing-resource", "cycle", "duplicate", "not-kubernetes", "empty", "escape", "limit" or "build".
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Origin  Origin `json:"origin"`
	// At leads from the origin's document to the entry: ["resources", 3].
	At Field `json:"at"`
}

// Incomplete is a part of the fleet that cannot be known from this repository.
type Incomplete struct {
	Kind   UnknownKind `json:"kind"`
	Why    string      `json:"why"`
	Origin Origin      `json:"origin"`
}

// UnknownKind says what is not known.
type UnknownKind string

// What is not known.
const (
	// UnknownSource: a source is another repository, or holds more than this one.
	UnknownSource UnknownKind = "source"
	// UnknownPath: a path has a variable without a known value.
	UnknownPath UnknownKind = "path"
	// UnknownAbsent: a path, a resource or a component is not there.
	UnknownAbsent UnknownKind = "absent"
	// UnknownRemoteBase: a base or component lies on another server; UnknownRemoteFile: a single file does.
	UnknownRemoteBase UnknownKind = "remote-base"
	UnknownRemoteFile UnknownKind = "remote-file"
	// UnknownFile: a template, a file that cannot be read, or a resource that is not called YAML.
	UnknownFile UnknownKind = "file"
	// UnknownProducer: an object makes further objects inside the cluster.
	UnknownProducer UnknownKind = "producer"
	// UnknownVariables: a ConfigMap or Secret that variables come from is not in Git, or not known.
	UnknownVariables UnknownKind = "variables"
	// UnknownObject: an object cannot be read without its variables' values.
	UnknownObject UnknownKind = "object"
	// UnknownBuild: a build fails, and its objects are read without patches.
	UnknownBuild UnknownKind = "build"
	// UnknownSpec: the spec of a Flux Kustomization cannot be decoded.
	UnknownSpec UnknownKind = "spec"
	// UnknownChart: what a chart makes is not rendered. It keeps no cluster from being complete: a chart brings
	// what its release is about.
	UnknownChart UnknownKind = "chart"
)

// Object is an object as its API server receives it from one Flux Kustomization.
type Object struct {
	// ID is apiServer/Kind.group/namespace/name.
	ID        string `json:"id"`
	Cluster   string `json:"cluster"`
	APIServer string `json:"apiServer"`
	// Kustomization is the ID of the Flux Kustomization that applies it.
	Kustomization string `json:"kustomization"`
	// ResourceSet is the ResourceSet that makes it, namespace/name, which that Kustomization
	// applies. Absent where none does.
	ResourceSet string `json:"resourceSet,omitempty"`
	Suspended   bool   `json:"suspended"`
	Group       string `json:"group"`
	Kind        string `json:"kind"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Origin      Origin `json:"origin"`
	// Content is the object with every secret value replaced by its class and length. Variables that are not known
	// here still stand in it as ${NAME}. Shared between clusters: never changed.
	Content map[string]any `json:"object"`

	// elsewhere: a Kustomization that is not suspended applies it too.
	elsewhere bool
}

// reconciled is true where a Kustomization applies the object that is not suspended.
func (o Object) reconciled() bool { return !o.Suspended || o.elsewhere }

// IDOf is the ID of what is in a namespace of a cluster or an API server: a Kustomization, an agent, a control plane,
// or the API server that a kubeconfig Secret leads to.
func IDOf(server, namespace, name string) string { return server + "/" + namespace + "/" + name }

// GroupKind is how a kind is called where kinds of several groups stand together: "Deployment.apps", "Secret".
func GroupKind(group, kind string) string {
	if group == "" {
		return kind
	}
	return kind + "." + group
}
