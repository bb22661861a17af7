# Checks C files, given by their paths from the top of the tree, and prints "FILE:LINE: words" for
# each finding. `list` names a file with the paths of all of them. Exit 1 when there is any finding.
# Relies on the formatter: a function's braces, and nothing else's, stand alone in column one.

BEGIN {
    FUNCTION_LINES_MAX = 70
    FILE_LINES_MAX = 500
    while ((getline path < list) > 0)
        known[path] = 1

    # What each layer may include.
    allowed["base"] = " base "
    allowed["node"] = " base "
    allowed["store"] = " base store proto "
    allowed["wire"] = " base wire node proto "
    allowed["common"] = " base store wire node common proto "
    allowed["orchestrator"] = allowed["common"] "orchestrator "
    allowed["cli"] = allowed["common"] "cli "
    allowed["observer"] = allowed["common"] "observer "
}

function complain(words) {
    print FILENAME ":" FNR ": " words
    findings++
}

function directory(path) {
    return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : ""
}

function layer(path,    parts) {
    split(path, parts, "/")
    if (parts[1] == "tests")
        return "tests"
    if (parts[1] == "common")
        return path == "common/node.h" ? "node" : parts[3] == "" ? "common" : parts[2]
    if (parts[1] == "orchestrator")
        return parts[2] == "cli" ? "cli" : "orchestrator"
    if (parts[1] == "participants")
        return "participants/" parts[2]
    return parts[1]
}

# The file that the compiler takes for an include, or "" when it is none of ours.
function resolve(from, name,    places, count, i, path) {
    count = split(directory(from) " common orchestrator orchestrator/cli participants" \
                  " tests/conformance tests/support .", places, " ")
    for (i = 1; i <= count; i++) {
        path = places[i] == "." ? name : places[i] "/" name
        if (path in known)
            return path
    }
    return ""
}

# Participants of one domain may share a folder, which ends in "_saga"; no two services do.
function may_include(from, to) {
    if (from == to)
        return 1
    if (from ~ /^participants\//)
        return index(allowed["common"], " " to " ") > 0 || to ~ /^participants\/.*_saga$/
    return index(allowed[from], " " to " ") > 0
}

function check_include(    name, path, from, to) {
    name = $0
    sub(/^#[ \t]*include[ \t]*"/, "", name)
    sub(/".*/, "", name)
    path = name ~ /\.pb-c\.h$/ ? "proto/" name : resolve(FILENAME, name)
    if (path == "") {
        complain("includes \"" name "\", which is nowhere in the tree")
        return
    }
    from = layer(FILENAME)
    to = layer(path)
    # A service tells the conformance suite about itself.
    if (FILENAME ~ /^participants\/[^\/]*\/conformance\.c$/ && to == "tests")
        return
    if (path == "common/base/clock.h" && is_timeless(FILENAME))
        complain("a node must not read the clock: it is given the time")
    if (!may_include(from, to))
        complain(from " must not include \"" name "\" of " to)
}

# The line without comments and without what stands in quotes.
function strip(line,    out, at, two, one) {
    out = ""
    for (at = 1; at <= length(line); at++) {
        one = substr(line, at, 1)
        two = substr(line, at, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                at++
            }
        } else if (quote != "") {
            if (one == "\\")
                at++
            else if (one == quote)
                quote = ""
        } else if (two == "//") {
            break
        } else if (two == "/*") {
            in_comment = 1
            at++
        } else if (one == "\"" || one == "'") {
            quote = one
            out = out one
        } else {
            out = out one
        }
    }
    quote = ""
    return out
}

function check_calls(code) {
    if (code ~ /(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|strtok)[ \t]*\(/)
        complain("calls a banned function: use snprintf, memcpy or a buffer")
    if (FILENAME ~ /^tests\// &&
        code ~ /(^|[^A-Za-z0-9_])(sleep|usleep|nanosleep|clock_nanosleep)[ \t]*\(/)
        complain("a test must not sleep: use virtual time, or a condition with a deadline")
    if (FILENAME !~ /^tests\// && FILENAME != "common/base/clock.c" &&
        code ~ /(^|[^A-Za-z0-9_])(clock_gettime|gettimeofday|time)[ \t]*\(/)
        complain("read the clock through base/clock.h")
}

# A node and what it is made of are given the time, so that the simulator can give it.
function is_timeless(path) {
    return path ~ /^(common\/store|participants)\/|_node\.c$/ ||
           (path ~ /^orchestrator\/[^\/]*$/ && path != "orchestrator/main.c")
}

FNR == 1 {
    in_comment = 0
    body = 0
    quote = ""
    if (FILENAME ~ /\.h$/ && $0 !~ /^\/\* .*[A-Za-z].*[A-Za-z]/)
        complain("the first line must be a comment that tells what the header is for")
}

FNR == FILE_LINES_MAX + 1 {
    complain("the file has more than " FILE_LINES_MAX " lines: split it")
}

# Spelt so that this line is no finding.
/(^|[^A-Za-z0-9_])(T[O]DO|F[I]XME|X[X]X)($|[^A-Za-z0-9_])/ {
    complain("do it now, or say in an issue what is to be done")
}

/^#[ \t]*include[ \t]*"/ {
    # Tests look at all layers, and their folders are searched as CMake says.
    if (layer(FILENAME) != "tests")
        check_include()
    next
}

/^{$/ {
    body = FNR
}

/^}$/ && body {
    if (FNR - body - 1 > FUNCTION_LINES_MAX)
        complain("the function ending here has more than " FUNCTION_LINES_MAX " lines: split it")
    body = 0
}

{
    check_calls(strip($0))
}

END {
    exit findings > 0
}
