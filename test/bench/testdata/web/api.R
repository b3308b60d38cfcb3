#* @get /
#* @serializer text
function() "hello"
