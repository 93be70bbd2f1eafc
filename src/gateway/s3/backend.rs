//! The operations that S3 has here. Every other one answers `NotImplemented` with its name.

use crate::domain::arn::Place;
use crate::store::objects::Objects;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
    DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput,
    UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};

pub(super) struct Backend {
    pub objects: Objects,
    pub place: Place,
}

/// One operation: its name, its documents, and the method of [`Backend`] that does it.
macro_rules! operations {
    ($($name:ident($input:ty) -> $output:ty = |$this:ident, $request:ident| $answer:expr;)*) => {
        #[async_trait::async_trait]
        impl S3 for Backend {
            $(async fn $name(&self, $request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                let $this = self;
                Ok(S3Response::new($answer))
            })*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput
        = |this, request| this.create(request.input).await?;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput
        = |this, request| this.remove_bucket(request.input).await?;
    head_bucket(HeadBucketInput) -> HeadBucketOutput
        = |this, request| this.look_at_bucket(&request.input)?;
    list_buckets(ListBucketsInput) -> ListBucketsOutput
        = |this, request| this.list_all(request.input)?;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput
        = |this, request| this.location(&request.input)?;
    put_object(PutObjectInput) -> PutObjectOutput = |this, request| this.put(request).await?;
    get_object(GetObjectInput) -> GetObjectOutput = |this, request| this.get(&request.input)?;
    head_object(HeadObjectInput) -> HeadObjectOutput = |this, request| this.head(&request.input)?;
    copy_object(CopyObjectInput) -> CopyObjectOutput = |this, request| this.copy(request).await?;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput
        = |this, request| this.delete(request.input).await?;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput
        = |this, request| this.delete_many(request.input).await?;
    list_objects(ListObjectsInput) -> ListObjectsOutput
        = |this, request| this.list_v1(request.input)?;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output
        = |this, request| this.list_v2(request.input)?;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput
        = |this, request| this.create_upload(request).await?;
    upload_part(UploadPartInput) -> UploadPartOutput
        = |this, request| this.put_part(request).await?;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput
        = |this, request| this.copy_part(request.input).await?;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput
        = |this, request| this.complete(request).await?;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput
        = |this, request| this.abort(request.input).await?;
    list_parts(ListPartsInput) -> ListPartsOutput = |this, request| this.parts(request.input)?;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput
        = |this, request| this.uploads(request.input)?;
}
