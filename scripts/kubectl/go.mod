// Only marks the module's folder: what is built stands in v*.mod, one file per version of kubectl.
module mot.dev/kubectl

go 1.25.0
