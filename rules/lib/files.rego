# Files as their names tell.
package lib.files

# example: the file is there to be copied and filled in, and nothing applies it.
example if {
	count(input.file.reachedBy) == 0
	regex.match(`\.(example|sample)(\.[^/]*)?$`, input.file.path)
}
